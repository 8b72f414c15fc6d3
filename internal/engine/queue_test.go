package engine

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func waiting(namespace string, n int) *v1alpha1.Query {
	id := fmt.Sprintf("%s-%d", namespace, n)
	return &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id, UID: types.UID(id), CreationTimestamp: metav1.Now()}}
}

// Namespaces get the same share while both have waiting queries, regardless of the order of arrival
// and the number of queries.
func TestFairness(t *testing.T) {
	q := newQueue(Limits{Total: 6})
	for i := range 100 {
		q.add(waiting("greedy", i))
	}
	for i := range 20 {
		q.add(waiting("modest", i))
	}
	started := map[string]int{}
	var running []*item
	for range 40 {
		if len(running) == 6 {
			q.done(running[0])
			running = running[1:]
		}
		it, ok := q.next()
		if !ok {
			t.Fatal("the queue is closed")
		}
		started[it.query.Namespace]++
		running = append(running, it)
	}
	if started["greedy"] != 20 || started["modest"] != 20 {
		t.Errorf("started %v", started)
	}
	for _, it := range running {
		q.done(it)
	}
	for len(q.items) > 0 {
		it, _ := q.next()
		q.done(it)
	}
	if len(q.tenants) != 0 || q.running != 0 {
		t.Errorf("%d namespaces and %d running are left", len(q.tenants), q.running)
	}
}

func TestQueueLimits(t *testing.T) {
	q := newQueue(Limits{Total: 5, PerNamespace: 2})
	for i := range 4 {
		q.add(waiting("a", i))
	}
	for range 2 {
		if _, ok := q.next(); !ok {
			t.Fatal("the queue is closed")
		}
	}
	if q.choose() != nil {
		t.Error("a third of the namespace may start")
	}
	q.add(waiting("b", 0))
	if it, _ := q.next(); it.query.Namespace != "b" {
		t.Errorf("got %s", it.query.Name)
	}
	if next, ok := q.announcement(); !ok || next.Name != "a-2" {
		t.Errorf("announced %v", next)
	}
	q.remove("a-2")
	late, _ := q.overdue(time.Now().Add(time.Hour))
	if len(late) != 1 || late[0].Name != "a-3" {
		t.Errorf("overdue are %v", late)
	}
	q.close()
	if _, ok := q.next(); ok {
		t.Error("a closed queue has a next")
	}
	if _, ok := q.announcement(); ok {
		t.Error("a closed queue announces")
	}
}

// Within a namespace, queries that were running come before those that have not begun, in order of
// arrival.
func TestBegunComesFirst(t *testing.T) {
	q := newQueue(Limits{Total: 1})
	q.add(waiting("a", 1))
	q.add(waiting("a", 2))
	for i := 3; i <= 4; i++ {
		left := waiting("a", i)
		phase := v1alpha1.QueryRunning
		left.Status = &v1alpha1.QueryStatus{Phase: &phase}
		q.add(left)
	}
	q.add(waiting("a", 5))
	for _, want := range []string{"a-3", "a-4", "a-1", "a-2", "a-5"} {
		it, _ := q.next()
		if it.query.Name != want {
			t.Errorf("got %s, want %s", it.query.Name, want)
		}
		q.done(it)
	}
}
