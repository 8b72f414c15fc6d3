package aggregated

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

// The real cluster is in e2e/cluster; here time and refusals are at hand.
func TestReferences(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "key"}, Data: map[string][]byte{"token": []byte("secret")}}
	client := fake.NewClientset(secret)
	reads := 0
	client.PrependReactor("get", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		reads++
		if action.GetNamespace() == "closed" {
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "key", errors.New("no"))
		}
		return false, nil, nil
	})
	now := time.Unix(0, 0)
	r := newReferences(client)
	r.now = func() time.Time { return now }
	ctx := context.Background()
	expect := func(what string, want int) {
		t.Helper()
		if reads != want {
			t.Errorf("%s: %d reads, want %d", what, reads, want)
		}
	}

	data, err := r.Secret(ctx, "a", "key", "token")
	if err != nil || string(data["token"]) != "secret" {
		t.Errorf("a key with its value: %d keys, %v", len(data), err)
	}
	_, _ = r.Secret(ctx, "a", "key", "token")
	expect("what was found is remembered", 1)
	now = now.Add(referenceTTL)
	_, _ = r.Secret(ctx, "a", "key", "token")
	expect("for a time", 2)

	for range 2 {
		if _, err := r.ConfigMap(ctx, "a", "later", "any"); !apierrors.IsNotFound(err) {
			t.Errorf("a missing one: %v", err)
		}
	}
	expect("what is missing is not remembered", 4)

	for _, name := range []string{"key", "other"} {
		if _, err := r.Secret(ctx, "closed", name, "any"); !errors.Is(err, rules.ErrUnreadable) {
			t.Errorf("a forbidden one: %v", err)
		}
	}
	expect("a closed namespace is left alone", 5)
	now = now.Add(forbiddenTTL)
	_, _ = r.Secret(ctx, "closed", "key", "any")
	expect("for a time too", 6)

	secret.Data["large"] = make([]byte, maxReferenceBytes)
	if _, err := client.CoreV1().Secrets("a").Update(ctx, secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(referenceTTL)
	for range 2 {
		_, _ = r.Secret(ctx, "a", "key", "token")
	}
	expect("a large one is not remembered", 8)
}

// Writes that come together cost the cluster one read, and a key that was added since is seen.
func TestReferencesOfABurst(t *testing.T) {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "key"}, Data: map[string][]byte{"token": []byte("secret")}}
	client := fake.NewClientset(secret)
	var reads atomic.Int32
	client.PrependReactor("get", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		reads.Add(1)
		return false, nil, nil
	})
	r := newReferences(client)
	r.now = func() time.Time { return time.Unix(0, 0) }
	ctx := context.Background()
	burst := func(name, key string, holds func(map[string][]byte, error) bool) {
		t.Helper()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if data, err := r.Secret(ctx, "a", name, key); !holds(data, err) {
					t.Errorf("%s of %s: %d keys, %v", key, name, len(data), err)
				}
			})
		}
		wg.Wait()
	}
	burst("key", "token", func(data map[string][]byte, err error) bool { return err == nil && len(data) == 1 })
	if n := reads.Load(); n != 1 {
		t.Errorf("a burst cost %d reads, want 1", n)
	}
	secret.Data["other"] = []byte("secret")
	if _, err := client.CoreV1().Secrets("a").Update(ctx, secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	burst("key", "other", func(data map[string][]byte, err error) bool { return err == nil && len(data) == 2 })
	burst("none", "token", func(_ map[string][]byte, err error) bool { return apierrors.IsNotFound(err) })
}

// Only the paths for probes and version are anybody's.
func TestPublicPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/livez": true, "/livez/ping": true, "/readyz": true, "/healthz": true, "/version": true, "/version/": true,
		"/": false, "/livezz": false, "/metrics": false, "/apis": false, "/openapi/v3": false, "/debug/pprof": false,
	} {
		if got := isPublic(path); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
}
