package transfer

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// What owns others comes before those, whatever the order of the source, and an owner that has not
// come is named: a server that collects garbage would delete what it owns.
func TestOwnersComeFirst(t *testing.T) {
	f := standaloneFixture(t)
	owned := func(kind, apiVersion, name, uid string) map[string]any {
		return map[string]any{"apiVersion": apiVersion, "kind": kind, "name": name, "uid": uid}
	}
	object := func(kind, apiVersion, name, uid string, owners ...any) []byte {
		return marshal(t, map[string]any{"apiVersion": apiVersion, "kind": kind,
			"metadata": map[string]any{"name": name, "namespace": "team-b", "uid": uid, "creationTimestamp": "2025-01-31T12:00:00Z", "ownerReferences": owners}})
	}
	const v1alpha1 = "ark.mckinsey.com/v1alpha1"
	path := filepath.Join(t.TempDir(), "all.ndjson")
	if err := os.WriteFile(path, bytes.Join([][]byte{
		object("ConfigMap", "v1", "result", "u-result", owned("Agent", v1alpha1, "a", "u-a")),
		object("Agent", v1alpha1, "a", "u-a"),
		object("Agent", v1alpha1, "c", "u-c", owned("Agent", v1alpha1, "b", "u-b"), owned("Agent", v1alpha1, "c", "u-c")),
		object("Agent", v1alpha1, "b", "u-b", owned("Agent", v1alpha1, "a", "u-a")),
		object("Agent", v1alpha1, "x", "u-x", owned("Agent", v1alpha1, "y", "u-y")),
		object("Agent", v1alpha1, "y", "u-y", owned("Agent", v1alpha1, "x", "u-x")),
		object("Agent", v1alpha1, "orphan", "u-orphan", owned("Team", v1alpha1, "gone", "u-gone")),
		object("Agent", v1alpha1, "other", "u-other", owned("Agent", v1alpha1, "a", "of-another")),
	}, []byte("\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := OpenFiles(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var told said
	s := mustImport(t, files, f, ImportOptions{Reports: told.reports()})
	wantCounts(t, s, map[Outcome]int{Created: 9}) // and the namespace
	told.want(t, "warning: Agent team-b/orphan: its owner Team team-b/gone is not here", "warning: Agent team-b/other: its owner Agent team-b/a is not here under the uid",
		"Namespace team-b: created")
	_, before := f.object(t, "ark.mckinsey.com/agents/team-b/a")
	for _, path := range []string{"ark.mckinsey.com/agents/team-b/b", "ark.mckinsey.com/agents/team-b/c"} {
		_, revision := f.object(t, path)
		if before == 0 || revision <= before {
			t.Errorf("%s came at revision %d, its owner at %d", path, revision, before)
		}
		before = revision
	}
	_, agent := f.object(t, "ark.mckinsey.com/agents/team-b/a")
	if _, configMap := f.object(t, "configmaps/team-b/result"); agent == 0 || configMap <= agent {
		t.Errorf("the ConfigMap came at revision %d, its owner at %d", configMap, agent)
	}
	for _, line := range told.lines {
		if strings.Contains(line, "result") {
			t.Errorf("an owner that came is missing: %s", line)
		}
	}
}

// A cluster keeps what it has beside Ark's objects, and that is said; a token of a service account
// does not go to another server.
func TestWhatIsNotMovedIsSaid(t *testing.T) {
	a, config := newAPI(t)
	k, err := NewKube(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	f := standaloneFixture(t)
	var told said
	wantCounts(t, mustImport(t, k, f, ImportOptions{Reports: told.reports()}), map[Outcome]int{Created: 2})
	told.want(t, "note: the source is a cluster: its Namespaces, ConfigMaps and Secrets stay there")

	f = standaloneFixture(t)
	f.core(t, "secrets/team-a/signed", &corev1.Secret{ObjectMeta: coreMeta("team-a", "signed"), Type: corev1.SecretTypeServiceAccountToken, Data: map[string][]byte{"token": []byte("hush-hush")}})
	for _, at := range []string{"namespaces/team-a", "namespaces/team-a/secrets/key", "namespaces/team-a/configmaps/settings"} {
		a.answers["GET /api/v1/"+at] = refuse(404, "NotFound", "not found")
	}
	a.answers["GET /apis/ark.mckinsey.com/v1alpha1/agents"] = ok(agentList("", 5))
	for _, at := range []string{"namespaces", "namespaces/team-a/secrets", "namespaces/team-a/configmaps"} {
		a.answers["POST /api/v1/"+at] = ok(`{"metadata":{"uid":"theirs","resourceVersion":"7"}}`)
	}
	told = said{}
	s, err := Export(t.Context(), f.Store, k, ExportOptions{Secrets: true, Reports: told.reports()})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, s, map[Outcome]int{Created: 3, Skipped: 1})
	told.want(t, "Secret team-a/signed: skipped: the token of a service account")
	if all := fmt.Sprint(told.lines); strings.Contains(all, "hush") {
		t.Errorf("a secret was told: %s", all)
	}
	if at := slices.IndexFunc(a.asked, func(r string) bool { return strings.Contains(r, "signed") }); at >= 0 {
		t.Errorf("the token was asked for or sent: %s", a.asked[at])
	}
}

// What two workers do with one object counts once, as the one that wrote it says.
func TestAnObjectCountsOnce(t *testing.T) {
	all, err := newKinds()
	if err != nil {
		t.Fatal(err)
	}
	agents := all.ark[slices.IndexFunc(all.ark, func(k *kind) bool { return k.Plural == "agents" })]
	for _, outcomes := range [][]Outcome{{Created, Unchanged}, {Unchanged, Created}, {Unchanged, Created, Unchanged}, {Created}} {
		e := &exporter{summary: newSummary(), seen: map[string]Outcome{}}
		for n, outcome := range outcomes {
			if first := e.done(agents, "a", outcome); first != (n == 0) {
				t.Errorf("%v: %d: first is %t", outcomes, n, first)
			}
		}
		wantCounts(t, e.summary, map[Outcome]int{Created: 1})
	}
}
