package contract

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// defaulted are the fields of the spec that a sample leaves out, with the values that its CRD gives
// them.
func defaulted(kind registrytest.Sample) map[string]any {
	fields := map[string]any{}
	sample := &unstructured.Unstructured{Object: kind.Object("", "sample")}
	for path, schema := range kind.Facts.Fields {
		parts := strings.Split(path, ".")
		_, isText := schema["default"].(string)
		if !isText || parts[0] != "spec" || strings.ContainsAny(path, "[{") || field(sample, parts...) != nil {
			continue
		}
		if _, hasParent := field(sample, parts[:len(parts)-1]...).(map[string]any); hasParent {
			fields[path] = schema["default"]
		}
	}
	return fields
}

func defaults(t *testing.T, p place) {
	created := p.create(t, "one")
	for path, want := range defaulted(p.kind) {
		parts := strings.Split(path, ".")
		stored := want
		if durations(p.kind)[strings.TrimPrefix(path, "spec.")] && !p.system.reference {
			stored = inGoForm(t, want)
		}
		if got := field(created, parts...); got != stored {
			t.Errorf("%s after create: %v, want %v", path, got, stored)
		}
		if p.etcd != "" {
			p.rewrite(t, created, parts...)
		}
	}
	if p.etcd != "" {
		// An object that an older server has stored without them.
		eventually(t, "the rewritten object is read with its defaults", func() bool {
			o := p.read(t, "one")
			return o.GetLabels()["rewritten"] != "" || len(defaulted(p.kind)) == 0
		})
		for path, want := range defaulted(p.kind) {
			parts := strings.Split(path, ".")
			if got := field(p.read(t, "one"), parts...); got != want {
				t.Errorf("%s of an older object: %v, want %v", path, got, want)
			}
			if got := field(p.list(t)[0], parts...); got != want {
				t.Errorf("%s of an older object in a list: %v, want %v", path, got, want)
			}
		}
	}

	wrong := p.kind.Facts.Sample.Invalid
	broken := p.sample("broken", func(o object) { breakField(o, wrong.Field, wrong.Value) })
	a := p.post(t, broken)
	p.refusedAt(t, a, wrong.Field)
	p.gone(t, "broken")
	two := p.create(t, "two")
	breakField(two, wrong.Field, wrong.Value)
	p.refusedAt(t, p.put(t, two), wrong.Field)
	p.refusedAt(t, p.apply(t, "tester", broken), wrong.Field)
	p.post(t, p.sample("x", func(o object) { o.SetName(p.name("Not_A_Name")) })).refused(t, 422, metav1.StatusReasonInvalid, "metadata.name")
	p.post(t, p.sample("x", func(o object) { o.SetName("") })).refused(t, 422, metav1.StatusReasonInvalid, "name or generateName is required")
}

// inGoForm is a duration as Go writes it.
func inGoForm(t *testing.T, value any) any {
	t.Helper()
	span, err := time.ParseDuration(value.(string))
	if err != nil {
		t.Fatal(err)
	}
	return span.String()
}

// refusedAt wants 422 Invalid with a cause at the field or within it.
func (p place) refusedAt(t *testing.T, a answer, path string) {
	t.Helper()
	status := a.refused(t, 422, metav1.StatusReasonInvalid, path)
	if status.Details == nil || status.Details.Kind != p.kind.Kind && status.Details.Kind != "" {
		t.Errorf("the refusal has no details: %s", excerpt(a.body))
		return
	}
	for _, cause := range status.Details.Causes {
		if strings.HasPrefix(cause.Field, path) {
			return
		}
	}
	t.Errorf("no cause names %s: %s", path, excerpt(a.body))
}

// breakField sets the field at a path such as spec.tools[0].type; nil takes it away.
func breakField(o object, path string, value any) {
	parts := strings.Split(path, ".")
	at := o.Object
	for _, part := range parts[:len(parts)-1] {
		name, index, isList := strings.Cut(part, "[")
		if !isList {
			at = at[name].(map[string]any)
			continue
		}
		at = at[name].([]any)[index[0]-'0'].(map[string]any)
	}
	last := parts[len(parts)-1]
	if value == nil {
		delete(at, last)
		return
	}
	at[last] = value
}

// rewrite takes a field out of the stored object behind the server's back, and labels the object.
func (p place) rewrite(t *testing.T, o object, path ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := p.storage(t)
	key := p.storedAt(t, o)
	got, err := c.Get(ctx, key)
	if err != nil || len(got.Kvs) != 1 {
		t.Fatalf("read %s from the storage: %v, %v", key, got, err)
	}
	var stored unstructured.Unstructured
	if err := json.Unmarshal(got.Kvs[0].Value, &stored.Object); err != nil {
		t.Fatalf("the stored object is not JSON: %v: %s", err, excerpt(got.Kvs[0].Value))
	}
	if field(&stored, path...) == nil {
		t.Fatalf("the stored object lacks %v already", path)
	}
	unstructured.RemoveNestedField(stored.Object, path...)
	setLabel(&stored, "rewritten", strings.Join(path, "."))
	if _, err := c.Put(ctx, key, string(encode(&stored))); err != nil {
		t.Fatalf("write %s to the storage: %v", key, err)
	}
	eventually(t, "the server sees what was written beneath it", func() bool {
		return p.read(t, p.short(o)).GetLabels()["rewritten"] == strings.Join(path, ".")
	})
}
