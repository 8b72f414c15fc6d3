package contract

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/golden"
)

var update = flag.Bool("update", false, "write docs/conformance.md anew")

// TestConformanceTable holds docs/conformance.md to the tables of this package.
func TestConformanceTable(t *testing.T) {
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join(root, "docs", "conformance.md"), conformance(), *update, "cd e2e && go test ./contract -run TestConformanceTable -update")
}

// TestGapsAreKnown: a gap names a number and a system that there are.
func TestGapsAreKnown(t *testing.T) {
	known := map[string]bool{}
	for _, n := range numbers() {
		known[n.name] = true
	}
	for _, y := range systems() {
		known[y.name] = true
	}
	for system, of := range gaps() {
		if !known[system] {
			t.Errorf("gaps of %s, which is no system", system)
		}
		for name, g := range of {
			if !known[name] || g.reason == "" {
				t.Errorf("a gap of %s in %q: no such number, or no reason", system, name)
			}
		}
	}
}

// conformance is the text of docs/conformance.md.
func conformance() string {
	var b strings.Builder
	b.WriteString(`# Conformance

What a client of the API may rely on, and where a test holds the server to it. Every number is one test in
[e2e/contract](../e2e/contract): ` + "`TestContract/<system>/.../C07_preconditions`" + `, over every kind. *runs* says that it runs there and must
pass (` + "`make e2e`" + `, for the heavier systems ` + "`make e2e-heavy`" + `); a number in brackets leads to the reason why not. The page is written from
the tables that the tests run from, and a test compares it with them. A number that names other tests has them in a suite of its own (` + "`make e2e-gitops`" + `).

`)
	all := systems()
	b.WriteString("| promise | test |")
	for _, y := range all {
		b.WriteString(" " + y.title + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(all)) + "\n")
	var notes []string
	noted := map[string]int{}
	note := func(text string) string {
		if noted[text] == 0 {
			notes = append(notes, text)
			noted[text] = len(notes)
		}
		return fmt.Sprintf("[%d]", noted[text])
	}
	for _, n := range numbers() {
		fmt.Fprintf(&b, "| %s | `%s`%s |", n.promise, n.name, n.suite.where())
		for _, y := range all {
			cell := "runs"
			if g, found := gaps()[y.name][n.name]; found {
				cell = note(g.reason)
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for i, text := range notes {
		fmt.Fprintf(&b, "[%d] %s.  \n", i+1, text)
	}
	b.WriteString(besideTheNumbers)
	return b.String()
}

// where is the suite in the docs.
func (u *suite) where() string {
	if u == nil {
		return ""
	}
	return ": `" + strings.Join(u.tests, "`, `") + "` in e2e/" + u.dir
}

// TestSuitesAreThere: a suite has the tests that a number names, and the systems that it has no gap
// for.
func TestSuitesAreThere(t *testing.T) {
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers() {
		if n.suite == nil {
			continue
		}
		dir := filepath.Join(root, "e2e", n.suite.dir)
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var all, of string
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all += string(text)
			if filepath.Base(file) == n.suite.systems {
				of = string(text)
			}
		}
		for _, test := range n.suite.tests {
			if !strings.Contains(all, "\nfunc "+test+"(t *testing.T) {") {
				t.Errorf("%s: there is no %s in %s", n.name, test, dir)
			}
		}
		for _, y := range systems() {
			_, gap := gaps()[y.name][n.name]
			if runs := strings.Contains(of, "\n\t{\""+y.name+"\", "); runs == gap {
				t.Errorf("%s: %s runs on %s: %t; the gaps say %t", n.name, n.suite.dir, y.name, runs, !gap)
			}
		}
	}
}

// besideTheNumbers is what other tests show.
const besideTheNumbers = `
## Beside the numbers

| promise | test |
|---|---|
| the schemas are those of Ark's own definitions in every keyword at every depth; each difference has its reason | ` + "`TestParityWithCRDs`" + ` in internal/apis/ark/openapi |
| so are the published documents, OpenAPI v3 and v2 | ` + "`TestPublishedSchemasHoldTheFacts`" + ` in internal/standalone |
| and the definitions that ` + "`ark-server crds`" + ` prints, which a kube-apiserver accepts | ` + "`TestDefinitionsHoldTheFacts`, `TestKubeAPIServerAcceptsDefinitions`" + ` in internal/crds; the column "CRDs on kube-apiserver" above |
| and so are defaults, pruning and validation of the same objects | ` + "`TestDefaultsAndContentAsInCRDs`, `TestValidationAsInCRDs`" + ` in internal/apis/ark |
| random objects of every kind survive encoding, decoding, defaulting and conversion | ` + "`TestRoundTrip`" + ` in internal/apis/ark; ` + "`FuzzDecode`, `FuzzEncode`" + ` in internal/objectjson, beside the stock serializer |
| more than 200 manifests of all kinds, old and new forms, are accepted or refused with the message that they name | ` + "`TestManifests`" + ` in internal/standalone |
| each of them that is accepted stays as it is when a Go client writes it back, and spellings of a duration do not conflict | ` + "`TestGoClientsChangeNothing`, `TestSpellingsOfADurationDoNotConflict`" + ` in internal/standalone |
| what kubectl prints for every kind: get, describe, explain, diff, apply on either side, edit, wait, patch of the status, delete in each way with dependents | ` + "`TestGolden`" + ` in e2e/kubectl |
| a burst of writes costs the cluster one read of what they refer to | ` + "`TestReferencesOfABurst`" + ` in internal/aggregated |
| references tell nothing about Secrets to users who may not get them | ` + "`TestReferencesTellNothingToUsersWithoutTheRight`" + ` in internal/registry; ` + "`TestServiceRouting/References`" + ` in e2e/cluster |
| rules cost less than 15 % of a create | ` + "`BenchmarkQueryRules`" + ` in internal/standalone; [performance](performance.md#what-the-rules-cost) |
| whatever is sent, the answer is no 500 and nothing panics | ` + "`FuzzRequests`, `FuzzObjects`" + ` in internal/standalone, ` + "`FuzzSort`" + ` in internal/registry |

The fuzz targets' seeds run with every ` + "`go test`" + `. Each was last run at length so:

    go test ./internal/standalone -run '^$' -fuzz '^FuzzRequests$' -fuzztime 12m -parallel 1
    go test ./internal/standalone -run '^$' -fuzz '^FuzzObjects$' -fuzztime 11m -fuzzminimizetime 5x -parallel 1
    go test ./internal/registry -run '^$' -fuzz '^FuzzSort$' -fuzztime 2m -fuzzminimizetime 5x -parallel 1

That was 259,000 requests of any shape, 29,000 objects and patches where they belong, and 4,700 sort expressions, on two shared cores: no 500, no panic.
`
