package openapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

// TestParityWithCRDs compares the definition of every kind with the facts about
// Ark's own, keyword by keyword at every depth. What a server publishes of it is
// compared in internal/standalone.
func TestParityWithCRDs(t *testing.T) {
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	all := definitions()
	lookup := func(reference string) (map[string]any, error) {
		definition, found := all[strings.TrimPrefix(reference, referencePrefix)]
		if !found {
			return nil, fmt.Errorf("dangling reference %s", reference)
		}
		return toMap(t, definition.Schema), nil
	}
	seen := map[string]bool{}
	for _, kind := range kinds {
		seen[kind.Kind] = true
		t.Run(kind.Kind, func(t *testing.T) {
			want, err := kind.Schema()
			if err != nil {
				t.Fatal(err)
			}
			got, err := facts.Resolve(map[string]any{"$ref": referencePrefix + "com.mckinsey.ark." + kind.Version + "." + kind.Kind}, lookup)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"spec", "status"} {
				for _, difference := range facts.Compare(part, field(got, part), field(want, part)) {
					t.Error(difference)
				}
			}
		})
	}
	for _, kind := range modelNames(t) {
		if !strings.HasSuffix(kind, "List") && !seen[kind] {
			t.Errorf("there are no facts about the kind %s", kind)
		}
	}
}

// field returns the schema of a field.
func field(schema map[string]any, name string) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	node, _ := properties[name].(map[string]any)
	return node
}

func toMap(t *testing.T, value any) (result map[string]any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	return result
}
