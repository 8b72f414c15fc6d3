package helm

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tableMark is the line of the README after which its table is.
const tableMark = "<!-- The table is made from values.yaml: cd e2e && go test ./helm -update -->\n"

// TestReadme holds the README's table of values to values.yaml.
func TestReadme(t *testing.T) {
	file := filepath.Join(chart(t), "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), tableMark)
	if !found {
		t.Fatalf("the README has no line %q", tableMark)
	}
	var table strings.Builder
	table.WriteString("\n| value | default | |\n|---|---|---|\n")
	for _, v := range values(t) {
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", v.path, v.value, v.about)
	}
	check(t, file, head+tableMark+table.String())
}

// TestSchema finds every value in the schema.
func TestSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart(t), "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	type node struct {
		Properties map[string]json.RawMessage
		Ref        string `json:"$ref"`
	}
	var document struct {
		Definitions map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	for _, v := range values(t) {
		at := json.RawMessage(text)
		for part := range strings.SplitSeq(v.path, ".") {
			var n node
			if err := json.Unmarshal(at, &n); err != nil {
				t.Fatal(err)
			}
			if name, ok := strings.CutPrefix(n.Ref, "#/definitions/"); ok {
				n = node{}
				if err := json.Unmarshal(document.Definitions[name], &n); err != nil {
					t.Fatal(err)
				}
			}
			next, ok := n.Properties[part]
			if !ok {
				t.Errorf("%s is not in the schema", v.path)
				break
			}
			at = next
		}
	}
}

type value struct{ path, value, about string }

var (
	aboutLine = regexp.MustCompile(`^ *# -- (.+)$`)
	keyLine   = regexp.MustCompile(`^( *)([A-Za-z]+):(?: (.+))?$`)
)

// values reads values.yaml, in which a comment "# -- ..." stands above each value. A mapping or
// list below a described key is its default, in words.
func values(t *testing.T) []value {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart(t), "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []value
	var path []string
	about, within := "", -1 // the indent of a described key whose default spans lines
	for n, line := range strings.Split(string(text), "\n") {
		if found := aboutLine.FindStringSubmatch(line); found != nil {
			about = found[1]
			continue
		}
		found := keyLine.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		depth := len(found[1]) / 2
		if within >= 0 && depth > within {
			continue
		}
		within = -1
		path = append(path[:depth:depth], found[2])
		switch {
		case about != "" && found[3] == "":
			all = append(all, value{strings.Join(path, "."), "see values.yaml", about})
			within = depth
		case about != "":
			all = append(all, value{strings.Join(path, "."), found[3], about})
		case found[3] != "":
			t.Errorf("values.yaml:%d: %s has no description", n+1, strings.Join(path, "."))
		}
		about = ""
	}
	if len(all) < 50 {
		t.Fatalf("only %d values found", len(all))
	}
	return all
}
