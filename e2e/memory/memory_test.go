package memory

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	namespace = "edge"
	// size is that of an object: the watch cache keeps a hundred events of a kind, however large.
	size = 128 << 10
	// most is how many of them the limit has room for, without anything else.
	most    = 288 * 8
	objects = "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + namespace + "/queries"
)

// A server that runs out of memory refuses what needs more, says so, serves what needs none, and
// takes everything again once objects are deleted. It is not killed, and loses nothing.
func TestEdgeOfMemory(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	// The limit is what a container of 240 MiB would give.
	server, err := component.StartArk(ctx, component.ArkOptions{
		Dir: t.TempDir(), Env: []string{"GOMEMLIMIT=216MiB"}, Args: []string{"--engine=external", "--read-model=off", "--history=off"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	client, err := component.RawClient(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := rest.HTTPClientFor(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := query.EnsureNamespace(ctx, client, namespace); err != nil {
		t.Fatal(err)
	}
	spec := query.Spec(size)
	var made []string
	for {
		name := fmt.Sprintf("large-%04d", len(made))
		err := query.Create(ctx, client, namespace, name, spec)
		if apierrors.IsTooManyRequests(err) {
			if !strings.Contains(err.Error(), "memory") {
				t.Fatalf("the refusal does not say why: %v", err)
			}
			break
		}
		if err != nil {
			t.Fatalf("create %s: %v", name, err)
		}
		if made = append(made, name); len(made) == most {
			t.Fatal("the server took more objects than it has memory for")
		}
	}
	t.Logf("%d objects of %d bytes were taken", len(made), size)

	code := func(path string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.Config.Host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := plain.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	for path, want := range map[string]int{
		objects:                   http.StatusTooManyRequests,
		objects + "?watch=true":   http.StatusTooManyRequests,
		objects + "?limit=2":      http.StatusOK,
		objects + "/" + made[0]:   http.StatusOK,
		"/readyz":                 http.StatusInternalServerError,
		"/readyz?exclude=memory":  http.StatusOK,
		"/livez":                  http.StatusOK,
		"/apis/ark.mckinsey.com/": http.StatusOK,
	} {
		if got := code(path); got != want {
			t.Errorf("GET %s: %d, want %d", path, got, want)
		}
	}
	said, err := client.Get().AbsPath("/metrics").Do(ctx).Raw()
	if err != nil {
		t.Fatal(err)
	}
	for _, metric := range []string{`ark_memory_shed_requests_total{verb="create"}`, `ark_memory_shed_requests_total{verb="list"}`, `ark_memory_shed_requests_total{verb="watch"}`} {
		if !strings.Contains(string(said), metric) {
			t.Errorf("no %s is counted", metric)
		}
	}

	for _, name := range made[:len(made)/2] {
		if err := client.Delete().RequestURI(objects + "/" + name).Do(ctx).Error(); err != nil {
			t.Fatalf("delete %s: %v", name, err)
		}
	}
	await(ctx, t, "a list of all", func() error { return client.Get().MaxRetries(0).RequestURI(objects).Do(ctx).Error() })
	await(ctx, t, "a creation", func() error { return query.Create(ctx, client, namespace, "after", spec) })
	if got := code("/readyz"); got != http.StatusOK {
		t.Errorf("/readyz: %d once there is room", got)
	}
	for _, name := range made[len(made)/2:] {
		if got := code(objects + "/" + name); got != http.StatusOK {
			t.Errorf("%s: %d", name, got)
		}
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
}

// await waits until the server has room for a request again.
func await(ctx context.Context, t *testing.T, what string, try func() error) {
	t.Helper()
	for {
		err := try()
		if err == nil {
			return
		}
		if !apierrors.IsTooManyRequests(err) {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is still refused: %v", what, err)
		case <-time.After(time.Second):
		}
	}
}
