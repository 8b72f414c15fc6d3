package transfer

import (
	"bytes"
	"strings"
	"testing"
)

// What a standalone server keeps besides Ark's objects is not left out in silence.
func TestExportNamesWhatItLeavesOut(t *testing.T) {
	f := newFixture(t)
	f.write(t, "namespaces/default", "k8s")
	f.write(t, "namespaces/team-a", "k8s")
	f.write(t, "secrets/team-a/key", "k8s hush-hush")
	f.write(t, "configmaps/team-a/settings", "k8s")
	var s said
	var out bytes.Buffer
	summary, err := Write(t.Context(), f.Store, NDJSON, &out, s.reports())
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, summary, map[Outcome]int{LeftOut: 3})
	s.want(t, "namespaces: left out: team-a", "secrets: left out: team-a/key", "configmaps: left out: team-a/settings", "3 objects besides")
	var table bytes.Buffer
	if err := summary.Print(&table); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "left out") || strings.Contains(table.String()+strings.Join(s.lines, ""), "hush") {
		t.Errorf("the summary is %s", table.String())
	}
}
