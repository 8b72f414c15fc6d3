package contract

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mckinsey/ark-server/internal/apis/ark/clienttypes"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// durations are the fields of a kind's spec that hold a duration. Those that are true are stored as
// Go writes them, the others as users do.
func durations(kind registrytest.Sample) map[string]bool {
	fields := map[string]bool{}
	for _, path := range kind.Facts.Durations() {
		if name, inSpec := strings.CutPrefix(path, "spec."); inSpec && !strings.ContainsAny(name, ".[{") {
			fields[name] = kind.Facts.Mutated
		}
	}
	return fields
}

// spellings are what a user writes, and what Go clients write back.
var spellings = map[string]string{"5m": "5m0s", "90s": "1m30s", "720h": "720h0m0s", "1h30m": "1h30m0s"}

// goClients: an object that a client with Go types has read and writes back unchanged stays as it
// is, whatever the user wrote.
func goClients(t *testing.T, p place) {
	writeBack := func(t *testing.T, o object) {
		t.Helper()
		for _, url := range []string{p.path(p.short(o)), p.path(p.short(o), "status")} {
			body, err := clienttypes.RoundTrip(p.kind.Kind, encode(o))
			if err != nil {
				t.Fatal(err)
			}
			after := p.do(t, request{method: "PUT", path: url + "?fieldManager=go-client", body: body}).want(t, 200).object(t)
			if !equal(after.Object, o.Object) {
				t.Errorf("%s written back by a Go client:\n%v\nbefore\n%v", url, after, o)
			}
		}
	}
	if p.system.reference {
		// Definitions keep durations as they are written, and Ark's webhooks are not installed: only Go's
		// own spelling holds.
		spelled := func(o object) {
			for name := range durations(p.kind) {
				set(t, o, "5m0s", "spec", name)
			}
		}
		writeBack(t, p.create(t, "one", spelled))
		return
	}
	writeBack(t, p.create(t, "as-sampled"))
	writeBack(t, p.putStatus(t, p.withStatus(p.create(t, "with-status"))).want(t, 200).object(t))
	for written, goForm := range spellings {
		spelled := p.sample("spelled-"+written, func(o object) {
			for name := range durations(p.kind) {
				set(t, o, written, "spec", name)
			}
		})
		stored := p.apply(t, "user", spelled).want(t, 201).object(t)
		for name, rewritten := range durations(p.kind) {
			want := written
			if rewritten {
				want = goForm
			}
			if got := field(stored, "spec", name); got != want {
				t.Errorf("%s %s is stored as %v, want %s", name, written, got, want)
			}
		}
		writeBack(t, stored)
		// The user applies the same again, and another one does: nobody conflicts.
		if again := p.apply(t, "user", spelled).want(t, 200).object(t); !equal(again.Object, stored.Object) {
			t.Errorf("applied again:\n%v\nbefore\n%v", again, stored)
		}
		p.apply(t, "another", spelled).want(t, 200)
	}
}

func set(t *testing.T, o object, value string, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}
