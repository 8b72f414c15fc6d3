package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

const randomPerKind = 60

// Random objects of every kind, whatever their metadata, spec and status hold, and with fields that
// no release knows, come out of an export as they went into the import: through NDJSON and through
// YAML.
func TestRandomObjectsSurvive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	random := rand.New(rand.NewSource(1))
	want := map[string]any{}
	var lines bytes.Buffer
	filler := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, freeForm), rand.NewSource(2), serializer.NewCodecFactory(f.all.scheme))
	for _, k := range f.all.ark {
		for n := range randomPerKind {
			object := k.New()
			filler.Fill(object)
			f.all.scheme.Default(object)
			object.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind())
			meta := object.(metav1.Object)
			meta.SetName(fmt.Sprintf("%s-%d", k.Singular, n))
			meta.SetNamespace(fmt.Sprintf("ns-%d", n%5))
			if k.ClusterScoped {
				meta.SetNamespace("")
			}
			meta.SetUID("uid-" + meta.GetUID())
			meta.SetSelfLink("")
			meta.SetResourceVersion(fmt.Sprint(n))
			meta.SetCreationTimestamp(metav1.Unix(random.Int63n(1e9), 0))
			meta.SetGeneration(1 + random.Int63n(1e18))
			value, err := decodeJSON(marshal(t, object))
			if err != nil {
				t.Fatal(err)
			}
			content := value.(map[string]any)
			if n%3 == 0 {
				for _, part := range []string{"spec", "status"} {
					if into, ok := content[part].(map[string]any); ok {
						into["ofTomorrow"] = map[string]any{"list": []any{json.Number("1"), json.Number("1.5"), "<&>", false, map[string]any{"": "x"}}}
						scatter(random, into)
					}
				}
			}
			lines.Write(append(marshal(t, content), '\n'))
			delete(metadata(content), "resourceVersion")
			want[k.path(meta.GetNamespace(), meta.GetName())] = content
		}
	}
	for n := range 5 { // those that the objects are in
		name := fmt.Sprintf("ns-%d", n)
		content := map[string]any{"apiVersion": "v1", "kind": "Namespace",
			"metadata": map[string]any{"name": name, "uid": name, "creationTimestamp": "2025-01-31T12:00:00Z", "labels": map[string]any{"kubernetes.io/metadata.name": name}},
			"spec":     map[string]any{"finalizers": []any{"kubernetes"}}, "status": map[string]any{"phase": "Active"}}
		lines.Write(append(marshal(t, content), '\n'))
		want["namespaces/"+name] = content
	}

	first := importText(t, f, "in.ndjson", lines.Bytes())
	wantCounts(t, first, map[Outcome]int{Created: len(want)})
	through := f
	for _, format := range []Format{NDJSON, YAML} {
		var out bytes.Buffer
		if _, err := Write(t.Context(), through.Store, format, &out, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		err := readDocuments("out", "."+string(format), bytes.NewReader(out.Bytes()), func(items []Item) error {
			for _, item := range items {
				o, err := f.all.read(item.Text)
				if err != nil {
					return err
				}
				got[o.path()] = o.content
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for path, object := range want {
			if paths := differences(object, got[path], true); len(paths) > 0 {
				t.Errorf("%s: %s: lost or changed: %s", format, path, list(paths))
			}
			// Beyond what went in there may be empty structures only.
			if paths := differences(registrytest.WithoutEmpty(got[path]), registrytest.WithoutEmpty(object), false); len(paths) > 0 {
				t.Errorf("%s: %s: differs in %s", format, path, list(paths))
			}
		}
		if len(got) != len(want) || t.Failed() {
			t.Fatalf("%s: %d of %d objects came out", format, len(got), len(want))
		}
		// Once more, from the export: byte for byte what the first storage has.
		again := newFixture(t)
		importText(t, again, "again."+string(format), out.Bytes())
		for path := range want {
			a, err := f.look(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			b, err := again.look(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if !sameValue(a.value, b.value) {
				t.Errorf("%s: %s changed on the second way", format, path)
			}
		}
		through = again
	}
}

func importText(t *testing.T, into *fixture, name string, text []byte) *Summary {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := OpenFiles(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var told said
	summary, err := Import(context.Background(), files, into.Store, ImportOptions{Reports: told.reports()})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range told.lines {
		if strings.Contains(line, "refused: ") {
			t.Error(line)
		}
	}
	if summary.Total(Refused, Conflict, Skipped) > 0 {
		t.FailNow()
	}
	return summary
}

// scatter puts unknown fields into random places of an object. Some places are maps of texts, and
// one is of structures.
func scatter(random *rand.Rand, into map[string]any) {
	for key, value := range into {
		if inner, ok := value.(map[string]any); ok && key != "properties" {
			scatter(random, inner)
		}
	}
	if random.Intn(3) == 0 {
		into["andMore"] = "<&>"
	}
}

// freeForm fills the types that hold any JSON.
func freeForm(serializer.CodecFactory) []any {
	return []any{
		func(j *v1alpha1.JSON, c randfill.Continue) {
			fill(j, any(map[string]any{c.String(8): []any{c.Uint64(), c.Bool(), nil, c.String(9)}}))
		},
		func(j *v1alpha1.JSONObject, c randfill.Continue) { fill(j, map[string]any{c.String(8): c.Float64()}) },
		func(j *runtime.RawExtension, c randfill.Continue) { j.Raw = []byte(`{"a":1}`) },
	}
}

func fill(into json.Unmarshaler, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // the filler has no other way out
	}
	if err := into.UnmarshalJSON(text); err != nil {
		panic(err)
	}
}
