package standalone

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

// The documents that the server publishes hold every type, default and rule of
// Ark's own definitions, at every depth. Version 2 has no room for defaults:
// k8s.io/apiserver leaves them out of it.
func TestPublishedSchemasHoldTheFacts(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.raw(t)
	document := func(path string) map[string]any {
		t.Helper()
		text, err := client.Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(t.Context())
		if err != nil {
			t.Fatalf("read %s: %v", path, err)
		}
		var out map[string]any
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("parse %s: %v", path, err)
		}
		return out
	}
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	compare := func(t *testing.T, kind facts.Kind, schemas map[string]any, prefix string, ignore ...string) {
		t.Helper()
		lookup := func(reference string) (map[string]any, error) {
			schema, found := schemas[strings.TrimPrefix(reference, prefix)].(map[string]any)
			if !found {
				return nil, fmt.Errorf("%s refers to nothing", reference)
			}
			return schema, nil
		}
		got, err := facts.Resolve(map[string]any{"$ref": prefix + "com.mckinsey.ark." + kind.Version + "." + kind.Kind}, lookup)
		if err != nil {
			t.Fatal(err)
		}
		want, err := kind.Schema()
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"spec", "status"} {
			for _, difference := range facts.Compare(part, property(got, part), property(want, part), ignore...) {
				t.Error(difference)
			}
		}
	}
	v2, _ := document("/openapi/v2")["definitions"].(map[string]any)
	for _, kind := range kinds {
		t.Run(kind.Kind+" in v3", func(t *testing.T) {
			components, _ := document("/openapi/v3/apis/ark.mckinsey.com/" + kind.Version)["components"].(map[string]any)
			schemas, _ := components["schemas"].(map[string]any)
			compare(t, kind, schemas, "#/components/schemas/")
		})
		t.Run(kind.Kind+" in v2", func(t *testing.T) {
			compare(t, kind, v2, "#/definitions/", "default")
		})
	}
}

func property(schema map[string]any, name string) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	node, _ := properties[name].(map[string]any)
	return node
}
