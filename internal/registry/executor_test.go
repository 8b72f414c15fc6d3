package registry

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// The executor's status write may also claim the query. Nobody else's may, and not even the
// executor changes anything else.
func TestClaim(t *testing.T) {
	stored := func() *v1alpha1.Query {
		return &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{
			Name: "q", Labels: map[string]string{"a": "b"}, Finalizers: []string{"other/one"},
			Annotations: map[string]string{"note": "mine", claimPrefix + "-effect": "tool"},
		}, Spec: v1alpha1.QuerySpec{Timeout: nil}}
	}
	asked := func() *v1alpha1.Query {
		q := stored()
		q.Labels, q.Finalizers = nil, []string{claimFinalizer}
		q.Annotations = map[string]string{"note": "theirs", claimPrefix: "me", "more": "x"}
		return q
	}
	kept := stored().Annotations
	for _, c := range []struct {
		name, executor, by string
		deleted            bool
		annotations        map[string]string
		finalizers         []string
	}{
		{"the executor", "engine", "engine", false, map[string]string{"note": "mine", claimPrefix: "me"}, []string{"other/one", claimFinalizer}},
		{"of a query that is being deleted", "engine", "engine", true, map[string]string{"note": "mine", claimPrefix: "me"}, []string{"other/one"}},
		{"somebody else", "engine", "admin", false, kept, []string{"other/one"}},
		{"without an executor", "", "engine", false, kept, []string{"other/one"}},
		{"nobody, without an executor", "", "", false, kept, []string{"other/one"}},
	} {
		s := newStrategy(defineQuery(), nil)
		s.rules = &ruleset{kind: defineQuery(), env: Environment{Executor: c.executor}}
		old, obj := stored(), asked()
		if c.deleted {
			now := metav1.Now()
			old.DeletionTimestamp = &now
		}
		ctx := request.WithUser(context.Background(), &user.DefaultInfo{Name: c.by})
		statusStrategy{s}.PrepareForUpdate(ctx, obj, old)
		if !maps.Equal(obj.Annotations, c.annotations) || !slices.Equal(obj.Finalizers, c.finalizers) || obj.Labels["a"] != "b" {
			t.Errorf("%s: got %v, %v, %v, want %v, %v", c.name, obj.Annotations, obj.Finalizers, obj.Labels, c.annotations, c.finalizers)
		}
		if want := stored(); !maps.Equal(old.Annotations, want.Annotations) || !slices.Equal(old.Finalizers, want.Finalizers) {
			t.Errorf("%s: the stored object was changed: %v %v", c.name, old.Annotations, old.Finalizers)
		}
	}
}

// Queries begin as pending where they are executed in the process, and without a status elsewhere.
func TestBeginning(t *testing.T) {
	for executor, want := range map[string]v1alpha1.QueryPhase{"": "", "engine": v1alpha1.QueryPending} {
		kind := defineQuery()
		kind.hooks.defaults = nil // they read an ArkConfig
		s := newStrategy(kind, nil)
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		s.rules = &ruleset{kind: kind, env: Environment{Executor: executor, Now: func() time.Time { return now }}}
		done := v1alpha1.QueryDone
		q := &v1alpha1.Query{Status: &v1alpha1.QueryStatus{Phase: &done}}
		s.PrepareForCreate(context.Background(), q)
		var got v1alpha1.QueryPhase
		if q.Status != nil {
			got = *q.Status.Phase
			if c := q.Status.Conditions[0]; c.Type != "Completed" || c.Reason != "QueryNotStarted" || !c.LastTransitionTime.Time.Equal(now) {
				t.Errorf("the condition is %+v", c)
			}
		}
		if got != want {
			t.Errorf("executor %q: the phase is %q, want %q", executor, got, want)
		}
	}
}
