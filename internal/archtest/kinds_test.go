package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mostPlaces is how many files a new kind touches by hand.
const mostPlaces = 7

// besides are the files that name ExecutionEngine too, for another reason than that it is a kind.
var besides = map[string]string{
	"internal/console/web/src/api/refs.ts":                         "an Agent refers to one",
	"internal/console/web/src/screens/object-overview.tsx":         "an Agent refers to one",
	"internal/engine/reconcile/statuses.go":                        "agents that another program runs are not its own",
	"internal/apis/ark/v1alpha1/agent_types.go":                    "an Agent refers to one",
	"internal/apis/ark/rules/agent.go":                             "an Agent refers to one",
	"internal/registry/agent.go":                                   "an Agent refers to one",
	"internal/apis/ark/validation/kinds_test.go":                   "cases of its own schema",
	"internal/standalone/testdata/manifests/executionengines.yaml": "cases of its own rules",
	"internal/registry/sender_test.go":                             "its address refers to Secrets",
	"e2e/cluster/references_test.go":                               "its address refers to Secrets",
	"internal/registry/refdoc/main_test.go":                        "an example of a row",
	"e2e/cluster/testdata/ark-controller.yaml":                     "Ark's own role",
	"e2e/helm/testdata/full.yaml":                                  "written by a test",
	"internal/engine/reconcile/addresses.go":                       "its status is kept in the process",
	"internal/engine/reconcile/doc.go":                             "its status is kept in the process",
	"internal/engine/reconcile/reconcile.go":                       "its status is kept in the process",
	"internal/engine/reconcile/a2aserver.go":                       "agents that run on one",
	"internal/engine/execution/remote.go":                          "agents that run on one",
	"internal/engine/execution/selector.go":                        "agents that run on one",
	"internal/engine/a2a_test.go":                                  "agents that run on one",
	"internal/engine/harness_test.go":                              "agents that run on one",
	"internal/engine/rights.go":                                    "its status is kept in the process",
	"e2e/console/hostile.test.mjs":                                 "an object with hostile texts",
	"internal/archtest/kinds_test.go":                              "this list",
}

var (
	aKind    = regexp.MustCompile(`(?s)\*\*A kind\.\*\*(.*?)\n\n\x60make generate`)
	place    = regexp.MustCompile("(?m)^[0-9]+\\. .*: `([^`]+)`[;.]$")
	theKind  = regexp.MustCompile(`ExecutionEngine|executionengine`)
	searched = []string{"cmd", "internal", "deploy", "e2e", "docs/examples", ".ci", "Makefile"}
)

// CONTRIBUTING lists the places that a new kind touches by hand. No other hand-written file
// names one of the kinds just because it exists.
func TestPlacesOfAKind(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	if section := aKind.FindSubmatch(text); section != nil {
		for _, found := range place.FindAllSubmatch(section[1], -1) {
			listed = append(listed, string(found[1]))
		}
	}
	if len(listed) == 0 || len(listed) > mostPlaces {
		t.Fatalf("CONTRIBUTING.md lists the places %q, want 1 to %d", listed, mostPlaces)
	}
	unseen := map[string]bool{}
	for _, name := range listed {
		unseen[name] = true
	}
	for name := range besides {
		unseen[name] = true
	}
	for _, top := range searched {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, entry fs.DirEntry, err error) error {
			if err == nil && (entry.Name() == "node_modules" || entry.Name() == "built") {
				return filepath.SkipDir // not in the repository
			}
			if err != nil || entry.IsDir() {
				return err
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			// A .txt or .golden file is written by its test.
			if strings.Contains(name, "zz_generated") || filepath.Ext(name) == ".txt" || filepath.Ext(name) == ".golden" || !entry.Type().IsRegular() {
				return nil
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if !theKind.Match(content) {
				return nil
			}
			delete(unseen, name)
			if _, known := besides[name]; !known && !slices.Contains(listed, name) {
				t.Errorf("%s names ExecutionEngine: a new kind would have to be named there too, but CONTRIBUTING.md does not list it", name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range unseen {
		t.Errorf("%s does not name ExecutionEngine", name)
	}
}
