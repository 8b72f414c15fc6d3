package openapi

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// crdDirectory holds the custom resource definitions that Ark's clients know;
// it lies beside the repository.
const crdDirectory = "../../../../../shared/ark-api/crds"

// comparedKeywords are the facts of a schema that are compared at each node.
// Descriptions are not: ours are our own.
var comparedKeywords = []string{
	"type", "format", "enum", "default", "required", "pattern", "nullable",
	"minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
	"minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
	"x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
	"x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations",
}

// TestParityWithCRDs compares the OpenAPI definition of every kind with the
// schema of its custom resource definition, keyword by keyword. Differences
// must be listed in knownDifferences, with their reason.
func TestParityWithCRDs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(crdDirectory, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no custom resource definitions in %s: this test needs the project's shared folder beside the repository", crdDirectory)
	}
	comparison := comparison{used: map[string]bool{}}
	seen := map[string]bool{}
	for _, file := range files {
		kind, version, schema := readCRD(t, file)
		seen[kind] = true
		t.Run(kind, func(t *testing.T) {
			name := "com.mckinsey.ark." + version + "." + kind
			definition, found := definitions()[name]
			if !found {
				t.Fatalf("no definition named %s", name)
			}
			ours := toMap(t, definition.Schema)["properties"].(map[string]any)
			crd := schema["properties"].(map[string]any)
			for _, part := range []string{"spec", "status"} {
				comparison.compare(t, part, kind+"."+part, ours[part].(map[string]any), crd[part].(map[string]any))
			}
		})
	}
	for name, kind := range modelNames(t) {
		if !strings.HasSuffix(name, "List") && !seen[kind] {
			t.Errorf("no custom resource definition of kind %s in %s", kind, crdDirectory)
		}
	}
	for _, difference := range knownDifferences {
		if !comparison.used[difference.key()] {
			t.Errorf("known difference %s does not exist any more: remove it from the list", difference.key())
		}
	}
}

// comparison remembers which known differences it has met.
type comparison struct {
	used map[string]bool
}

// compare reports the differences between two schema nodes and descends. field
// is the JSON name of the node; path says where it is.
func (c *comparison) compare(t *testing.T, field, path string, ours, crd map[string]any) {
	ours = resolve(t, ours)
	for _, keyword := range comparedKeywords {
		got, want := normal(keyword, ours[keyword]), normal(keyword, crd[keyword])
		if !reflect.DeepEqual(got, want) && !c.known(field, keyword, got, want) {
			t.Errorf("%s: %s is %v, in the CRD %v", path, keyword, show(got), show(want))
		}
	}
	ourProperties, crdProperties := object(ours["properties"]), object(crd["properties"])
	for _, name := range union(ourProperties, crdProperties) {
		childPath := path + "." + name
		ourChild, crdChild := ourProperties[name], crdProperties[name]
		switch {
		case ourChild == nil:
			t.Errorf("%s is missing", childPath)
		case crdChild == nil:
			t.Errorf("%s is not in the CRD", childPath)
		default:
			c.compare(t, name, childPath, ourChild.(map[string]any), crdChild.(map[string]any))
		}
	}
	for keyword, suffix := range map[string]string{"items": "[]", "additionalProperties": "{}"} {
		ourChild, crdChild := object(ours[keyword]), object(crd[keyword])
		switch {
		case ourChild == nil && crdChild == nil:
		case ourChild == nil || crdChild == nil:
			t.Errorf("%s: %s is %v, in the CRD %v", path, keyword, show(ours[keyword]), show(crd[keyword]))
		default:
			c.compare(t, suffix, path+suffix, ourChild, crdChild)
		}
	}
}

func (c *comparison) known(field, keyword string, got, want any) bool {
	for _, difference := range knownDifferences {
		if difference.matches(field, keyword, got, want) {
			c.used[difference.key()] = true
			return true
		}
	}
	return false
}

// resolve merges the definition that a node refers to into the node, and the
// bounds on list items, which openapi-gen publishes in an allOf, into its items.
// The node's own keywords win.
func resolve(t *testing.T, node map[string]any) map[string]any {
	reference, isReference := node["$ref"].(string)
	if !isReference {
		conjuncts, _ := node["allOf"].([]any)
		for _, conjunct := range conjuncts {
			for keyword, value := range object(object(conjunct)["items"]) {
				object(node["items"])[keyword] = value
			}
		}
		return node
	}
	definition, found := definitions()[strings.TrimPrefix(reference, referencePrefix)]
	if !found {
		t.Fatalf("dangling reference %s", reference)
	}
	merged := toMap(t, definition.Schema)
	for keyword, value := range node {
		merged[keyword] = value
	}
	return merged
}

func readCRD(t *testing.T, file string) (kind, version string, schema map[string]any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(crd.Spec.Versions) != 1 {
		t.Fatalf("%s: %d versions, want 1", file, len(crd.Spec.Versions))
	}
	first := crd.Spec.Versions[0]
	return crd.Spec.Names.Kind, first.Name, first.Schema.OpenAPIV3Schema
}

// normal brings a keyword's value into a comparable form: sets sorted, absent
// and false the same.
func normal(keyword string, value any) any {
	switch keyword {
	case "enum", "required":
		list, _ := value.([]any)
		names := make([]string, 0, len(list))
		for _, name := range list {
			names = append(names, fmt.Sprint(name))
		}
		sort.Strings(names)
		return names
	}
	if value == false || value == "" && keyword == "format" {
		if keyword != "default" {
			return nil
		}
	}
	return value
}

func show(value any) string {
	if value == nil {
		return "absent"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

func object(value any) map[string]any {
	result, _ := value.(map[string]any)
	return result
}

func union(a, b map[string]any) (names []string) {
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
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
