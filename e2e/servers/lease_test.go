package servers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// holder returns the server that the lease of the controllers names.
func holder(ctx context.Context, client kubernetes.Interface, servers ...*server) (*server, error) {
	lease, err := client.CoordinationV1().Leases("kube-system").Get(ctx, "ark-controllers", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if lease.Spec.HolderIdentity == nil {
		return nil, errors.New("nobody holds the lease")
	}
	for _, s := range servers {
		at, err := url.Parse(s.Config.Host)
		if err != nil {
			return nil, err
		}
		if strings.Contains(*lease.Spec.HolderIdentity, "_"+at.Host+"_") {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%q holds the lease, none of the servers", *lease.Spec.HolderIdentity)
}

// TestControllersMove: the controllers run on one server, and on the other when that is killed, or
// stopped.
func TestControllersMove(t *testing.T) {
	storage := databases.New(t, engine.PostgreSQL).Flags()
	a, b := newServer(t, storage), newServer(t, storage)
	a.Keys = t.TempDir()
	b.Keys = a.Keys
	startAll(t, a, b)
	var first *server
	eventually(t, func(ctx context.Context) (err error) {
		first, err = holder(ctx, a.client(t), a, b)
		return err
	})
	other := a
	if first == a {
		other = b
	}
	client := other.client(t)
	endNamespace(t, client, "before")
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "after"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	first.Kill()
	killed := time.Now()
	if err := client.CoreV1().Namespaces().Delete(t.Context(), "after", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	moves(t, client, other)
	t.Logf("the lease moved %s after its holder was killed; the goal is 15 s", since(killed))
	gone(t, client, "after")
	t.Logf("a namespace that was deleted then was gone after %s", since(killed))

	startAll(t, first)
	if err := other.Stop(); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	moves(t, first.client(t), first)
	t.Logf("the lease moved %s after its holder was stopped", since(stopped))
	endNamespace(t, first.client(t), "again")
}

// moves waits until a server holds the lease.
func moves(t *testing.T, client kubernetes.Interface, to *server) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		_, err := holder(ctx, client, to)
		return err
	})
}

// endNamespace makes a namespace and deletes it, which a controller must complete.
func endNamespace(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.CoreV1().Namespaces().Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	gone(t, client, name)
}

func gone(t *testing.T, client kubernetes.Interface, namespace string) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		_, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("the namespace %s is still there (%w)", namespace, err)
	})
}
