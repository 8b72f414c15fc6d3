package metrics

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/component-base/metrics/testutil"
)

var update = flag.Bool("update", false, "write the table into docs/operations/metrics.md")

const (
	tableBegin = "<!-- begin: written by go test ./internal/metrics -update -->\n"
	tableEnd   = "<!-- end -->\n"
)

// The page for operators has every metric, as it is registered.
func TestDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| metric | type | labels | |\n|---|---|---|---|\n")
	for _, f := range newFamilies().all {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.name, f.kind, strings.Join(f.labels, ", "), f.help)
	}
	path := filepath.Join("..", "..", "docs", "operations", "metrics.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), tableBegin)
	_, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		t.Fatalf("%s has no marks around the table", path)
	}
	want := before + tableBegin + table.String() + tableEnd + after
	if want == string(page) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: run go test ./internal/metrics -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Names and help are as Prometheus wants them.
func TestLint(t *testing.T) {
	s := open(t)
	s.put(t, "k")
	problems, err := testutil.NewPromLinter(strings.NewReader(s.scrape(t))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "ark_") {
			t.Errorf("%s", p.String())
		}
	}
}

// Every family has values as soon as there is a store with a write, but for those that
// need something to have happened.
func TestComplete(t *testing.T) {
	s := open(t)
	s.put(t, "k")
	text := s.scrape(t)
	for _, f := range s.metrics.families.all {
		if f == s.metrics.families.connectionsOpened {
			continue // not known with SQLite
		}
		if !strings.Contains(text, "\n# HELP "+f.name+" [ALPHA] ") {
			t.Errorf("%s is not there", f.name)
		}
	}
}
