package badinput

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const queries = "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + namespace + "/queries"

// TestRequests are objects that the server must refuse, each with a Status that a person can act
// on.
func TestRequests(t *testing.T) {
	g := newGolden(t)
	testRequests(t, component.ArkOptions{Dir: g.dir})
	g.requireIntact(t, databaseIn(g.dir))
}

func testRequests(t *testing.T, o component.ArkOptions) {
	server := start(t, o)
	client, err := component.RawClient(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	object := func(spec string) string {
		return `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"bad"},"spec":` + spec + `}`
	}
	input := func(size int) string { return `{"selector":{},"input":"` + strings.Repeat("x", size) + `"}` }
	post := func(body string) *rest.Request {
		return client.Post().AbsPath(queries).Param("fieldValidation", "Strict").SetHeader("Content-Type", "application/json").Body([]byte(body))
	}
	patch := func(body string) *rest.Request {
		return client.Patch(types.MergePatchType).AbsPath(queries + "/query-0").Body([]byte(body))
	}
	for name, test := range map[string]struct {
		request *rest.Request
		code    int
		texts   []string
		field   string
	}{
		"a value outside of the enum": {post(object(`{"input":"x","target":{"type":"robot","name":"r"}}`)), http.StatusUnprocessableEntity,
			[]string{"spec.target.type", `"robot"`, `"agent"`}, "spec.target.type"},
		"a field missing": {post(object(`{"input":"x","target":{"type":"agent"}}`)), http.StatusUnprocessableEntity,
			[]string{"spec.target.name", "Required value"}, "spec.target.name"},
		"an update that breaks the schema": {patch(`{"spec":{"target":{"type":"robot","name":"r"}}}`), http.StatusUnprocessableEntity,
			[]string{"spec.target.type"}, "spec.target.type"},
		"an unknown field": {post(object(`{"input":"x","colour":"red"}`)), http.StatusBadRequest,
			[]string{`unknown field "spec.colour"`}, ""},
		"a value of another type": {post(object(`{"input":"x","cancel":"no"}`)), http.StatusBadRequest, []string{"cancel"}, ""},
		"not JSON":                {post(`{"kind":`), http.StatusBadRequest, []string{"JSON"}, ""},
		"a 10 MiB object":         {post(object(input(10 << 20))), http.StatusRequestEntityTooLarge, []string{"too large"}, ""},
		"a 2 MiB object":          {post(object(input(2 << 20))), http.StatusRequestEntityTooLarge, []string{"too large", "1.5 MiB"}, ""},
		"an update to 2 MiB":      {patch(`{"spec":` + input(2<<20) + `}`), http.StatusRequestEntityTooLarge, []string{"too large", "1.5 MiB"}, ""},
		"an update to 10 MiB":     {patch(`{"spec":` + input(10<<20) + `}`), http.StatusRequestEntityTooLarge, []string{"too large"}, ""},
		"a namespace that is not there": {client.Post().AbsPath(strings.Replace(queries, namespace, "nowhere", 1)).SetHeader("Content-Type", "application/json").
			Body([]byte(object(`{"input":"x"}`))), http.StatusNotFound, []string{`namespaces "nowhere" not found`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status := refusal(t, test.request, test.code)
			for _, text := range test.texts {
				if !strings.Contains(status.Message, text) {
					t.Errorf("no %q in %q", text, abridged(status.Message))
				}
			}
			if test.field != "" && (status.Details == nil || len(status.Details.Causes) != 1 || status.Details.Causes[0].Field != test.field) {
				t.Errorf("details %+v, want the one cause at %s", status.Details, test.field)
			}
		})
	}
	// An object of 1 MiB is not too large.
	if err := query.Create(t.Context(), client, namespace, "large", query.Spec(1<<20)); err != nil {
		t.Errorf("an object of 1 MiB: %v", err)
	} else if err := client.Delete().AbsPath(queries + "/large").Do(t.Context()).Error(); err != nil {
		t.Error(err)
	}
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
}

// refusal sends a request that must fail with the code and returns its Status.
func refusal(t *testing.T, r *rest.Request, code int) metav1.Status {
	t.Helper()
	var got int
	result := r.Do(t.Context()).StatusCode(&got)
	body, err := result.Raw()
	if err == nil {
		t.Fatalf("accepted with code %d", got)
	}
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err != nil || status.Kind != "Status" {
		t.Fatalf("code %d, no Status in the answer: %v, %q", got, err, abridged(string(body)))
	}
	if got != code || status.Code != int32(code) {
		t.Errorf("code %d, in the Status %d (%s), want %d", got, status.Code, abridged(status.Message), code)
	}
	return status
}

func abridged(s string) string { return s[:min(len(s), 300)] }

// TestDiskFillsUp writes until the disk is full: the error must say so, reads go on, and everything
// acknowledged survives. Once there is space again, so are writes.
func TestDiskFillsUp(t *testing.T) {
	disk := newDisk(t, 8<<20)
	o := component.ArkOptions{Dir: t.TempDir(), Database: databaseIn(disk.Dir), Wrap: disk.On}
	server := start(t, o)
	client, err := component.RawClient(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := query.EnsureNamespace(t.Context(), client, namespace); err != nil {
		t.Fatal(err)
	}
	written, failure := writeUntilFailure(t, client)
	t.Logf("after %d objects: %v", written, failure)
	for _, text := range []string{"no space left", "disk"} {
		if !strings.Contains(failure.Error(), text) {
			t.Errorf("no %q in the error of a write on a full disk: %v", text, failure)
		}
	}
	requireQueries(t, client, written, "while the disk is full")

	// Killed, and started again while the disk is full: whether it serves or refuses, it says why and
	// loses nothing.
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if server, err = component.StartArk(ctx, o); err == nil {
		if client, err = component.RawClient(server.Config); err != nil {
			t.Fatal(err)
		}
		requireQueries(t, client, written, "after a restart on the full disk")
		server.Kill()
	} else if !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("restart on the full disk: %v", err)
	}
	if err := disk.Remount(fmt.Sprintf("size=%d", 64<<20)); err != nil {
		t.Fatal(err)
	}
	server = start(t, o)
	if client, err = component.RawClient(server.Config); err != nil {
		t.Fatal(err)
	}
	requireQueries(t, client, written, "after a restart with more space")
	if err := query.Create(t.Context(), client, namespace, "after", query.Spec(100)); err != nil {
		t.Errorf("write with space again: %v", err)
	}
}

// TestDiskGetsSpaceAgain frees space under a running server, which must take writes again by
// itself.
func TestDiskGetsSpaceAgain(t *testing.T) {
	disk := newDisk(t, 8<<20)
	server := start(t, component.ArkOptions{Dir: t.TempDir(), Database: databaseIn(disk.Dir), Wrap: disk.On})
	client, err := component.RawClient(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := query.EnsureNamespace(t.Context(), client, namespace); err != nil {
		t.Fatal(err)
	}
	written, _ := writeUntilFailure(t, client)
	if err := disk.Remount(fmt.Sprintf("size=%d", 64<<20)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := query.Create(ctx, client, namespace, "after", query.Spec(100))
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("still no writes with space again: %v", err)
		}
	}
	requireQueries(t, client, written+1, "with space again")
}

// writeUntilFailure writes objects of 64 KiB until one is refused; it returns how many were
// acknowledged.
func writeUntilFailure(t *testing.T, client *rest.RESTClient) (int, error) {
	t.Helper()
	spec := query.Spec(64 << 10)
	const more = 1000 // than fit
	for i := range more {
		if err := query.Create(t.Context(), client, namespace, fmt.Sprintf("query-%03d", i), spec); err != nil {
			return i, err
		}
	}
	t.Fatalf("%d objects of 64 KiB fit on the small disk", more)
	return 0, nil
}

func requireQueries(t *testing.T, client *rest.RESTClient, want int, when string) {
	t.Helper()
	got, _, err := query.List(t.Context(), client, namespace, 0)
	if err != nil {
		t.Fatalf("list %s: %v", when, err)
	}
	if got != want {
		t.Errorf("%d queries %s, want the %d acknowledged", got, when, want)
	}
}
