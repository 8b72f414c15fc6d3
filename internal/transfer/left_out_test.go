package transfer

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// core stores an object as a standalone server does.
func (f *fixture) core(t *testing.T, path string, object runtime.Object) {
	t.Helper()
	for _, k := range coreKinds() {
		if strings.HasPrefix(path, k.place) {
			object.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind())
		}
	}
	s, err := coreSerializer()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := s.Encode(object, &out); err != nil {
		t.Fatal(err)
	}
	f.write(t, path, out.String())
}

func coreMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "u-core", CreationTimestamp: metav1.Unix(1738324800, 0), Labels: map[string]string{"app": "any"}}
}

const hush = "aHVzaC1odXNo" // hush-hush

// standaloneFixture holds what a standalone server does.
func standaloneFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.core(t, "namespaces/default", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default", UID: "own"}})
	f.core(t, "namespaces/team-a", &corev1.Namespace{ObjectMeta: coreMeta("", "team-a")})
	f.core(t, "secrets/team-a/key", &corev1.Secret{ObjectMeta: coreMeta("team-a", "key"), Type: "Opaque", Data: map[string][]byte{"token": []byte("hush-hush"), "binary": {0, 255, 10}}})
	f.core(t, "configmaps/team-a/settings", &corev1.ConfigMap{ObjectMeta: coreMeta("team-a", "settings"), Data: map[string]string{"a": "b"}, BinaryData: map[string][]byte{"c": {0, 1}}})
	return f
}

// What a standalone server keeps besides Ark's objects is written too; Secrets if asked for, else
// they are named.
func TestExportNamesWhatItLeavesOut(t *testing.T) {
	f := standaloneFixture(t)
	var s said
	var out bytes.Buffer
	summary, err := Write(t.Context(), f.Store, NDJSON, &out, WriteOptions{Reports: s.reports()})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, summary, map[Outcome]int{Written: 2, LeftOut: 1})
	s.want(t, "secrets: left out: team-a/key", "1 object left out")
	var table bytes.Buffer
	if err := summary.Print(&table); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "left out") || summary.SecretsLeftOut() != 1 {
		t.Errorf("the summary is %s", table.String())
	}
	if all := out.String() + table.String() + strings.Join(s.lines, ""); strings.Contains(all, "hush") || strings.Contains(all, hush) || strings.Contains(all, `"own"`) {
		t.Errorf("a secret or the server's own namespace is in %s", all)
	}
	f.write(t, "secrets/team-a/damaged", "k8s\x00\xff hush-hush")
	summary, err = Write(t.Context(), f.Store, NDJSON, &out, WriteOptions{Reports: s.reports()})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, summary, map[Outcome]int{Written: 2, LeftOut: 1, Refused: 1})
	s.want(t, "secrets/team-a/damaged: what is stored cannot be read")
	if strings.Contains(strings.Join(s.lines, ""), "hush") {
		t.Errorf("a value was told: %s", s.lines)
	}
}

// An export says what else the server has, and counts nothing that every server makes itself.
func TestExportNamesWhatStaysBehind(t *testing.T) {
	f := standaloneFixture(t)
	write := func() []string {
		t.Helper()
		var s said
		if _, err := Write(t.Context(), f.Store, NDJSON, &bytes.Buffer{}, WriteOptions{Secrets: true, Reports: s.reports()}); err != nil {
			t.Fatal(err)
		}
		return s.lines
	}
	const made = `{"metadata":{"labels":{"kubernetes.io/bootstrapping":"rbac-defaults"}}}`
	f.write(t, "clusterroles/view", made)
	f.write(t, "serviceaccounts/team-a/default", `{}`)
	f.write(t, "leases/kube-system/ark-controllers", `{}`)
	f.write(t, "events/team-a/one", `{}`)
	if lines := write(); len(lines) > 0 {
		t.Errorf("of what each server makes it says %q", lines)
	}
	f.write(t, "clusterroles/ours", `{}`)
	f.write(t, "serviceaccounts/team-a/worker", `{}`)
	f.write(t, "services/specs/team-a/web", `{}`)
	f.write(t, "services/endpoints/team-a/web", `{}`)
	f.write(t, "rolebindings/team-a/one", `{}`)
	f.write(t, "rolebindings/team-a/two", `{}`)
	want := "stays behind: clusterroles (1), rolebindings (2), serviceaccounts (1), endpoints (1), services (1):"
	if lines := write(); len(lines) != 1 || !strings.Contains(lines[0], want) {
		t.Errorf("it says %q, want %q", lines, want)
	}
}

// Through a file and back nothing of a core object changes, down to the stored bytes.
func TestCoreObjectsThroughAFile(t *testing.T) {
	for _, format := range []Format{YAML, NDJSON} {
		from, to := standaloneFixture(t), newFixture(t)
		path := t.TempDir() + "/x." + string(format)
		if _, err := WriteFile(t.Context(), from.Store, path, format, nil, WriteOptions{Secrets: true}); err != nil {
			t.Fatal(err)
		}
		files, err := OpenFiles(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := ImportOptions{Secrets: true}
		wantCounts(t, mustImport(t, files, to, all), map[Outcome]int{Created: 3})
		for _, path := range []string{"namespaces/team-a", "secrets/team-a/key", "configmaps/team-a/settings"} {
			a, errA := from.kv.Get(t.Context(), objectPrefix+path)
			b, errB := to.kv.Get(t.Context(), objectPrefix+path)
			if errA != nil || errB != nil || len(a.Kvs) != 1 || len(b.Kvs) != 1 {
				t.Fatal(errA, errB, path)
			}
			if path != "namespaces/team-a" && !bytes.Equal(a.Kvs[0].Value, b.Kvs[0].Value) {
				t.Errorf("%s: stored %q, then %q", path, a.Kvs[0].Value, b.Kvs[0].Value)
			}
			if !bytes.HasPrefix(b.Kvs[0].Value, protobufPrefix) {
				t.Errorf("%s is not stored as a server stores it", path)
			}
		}
		before := to.revision(t)
		wantCounts(t, mustImport(t, files, to, all), map[Outcome]int{Unchanged: 3})
		if now := to.revision(t); now != before {
			t.Errorf("a second run wrote")
		}
		verified, err := Verify(t.Context(), files, to.Store, false, all)
		if err != nil {
			t.Fatal(err)
		}
		wantCounts(t, verified, map[Outcome]int{Unchanged: 3})
		to.core(t, "secrets/team-a/key", &corev1.Secret{ObjectMeta: coreMeta("team-a", "key"), Type: "Opaque", Data: map[string][]byte{"token": []byte("other")}})
		var told said
		verified, err = Verify(t.Context(), files, to.Store, false, ImportOptions{Secrets: true, Reports: told.reports()})
		if err != nil {
			t.Fatal(err)
		}
		wantCounts(t, verified, map[Outcome]int{Unchanged: 2, Different: 1})
		told.want(t, "Secret team-a/key: differs in data.")
		if strings.Contains(strings.Join(told.lines, ""), hush) {
			t.Errorf("a value was told: %s", told.lines)
		}
	}
}

// Manifests become what the API would make of them, missing namespaces are made, and faults quote
// nothing.
func TestCoreManifests(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "x.ndjson")
	if err := os.WriteFile(path, []byte(`
{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"fresh"},"stringData":{"k":"hush-hush"},"unknown":"hush-hush"}
{"apiVersion":"v1","kind":"Secret","metadata":{"name":"bad","namespace":"fresh"},"data":{"k":"hush-hush!"}}
{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default","uid":"theirs","labels":{"team":"a"}}}
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := OpenFiles(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var told said
	wantCounts(t, mustImport(t, files, f, ImportOptions{Secrets: true, Reports: told.reports()}), map[Outcome]int{Created: 3, Refused: 1, Skipped: 1})
	told.want(t, "Namespace fresh: created without labels", "Secret fresh/bad (", "it is no Secret", "fields that a server does not keep: unknown")
	if strings.Contains(strings.Join(told.lines, ""), "hush") {
		t.Errorf("a value was told: %s", told.lines)
	}
	secret, _ := f.object(t, "secrets/fresh/s")
	if secret["data"].(map[string]any)["k"] != hush || secret["type"] != "Opaque" || secret["stringData"] != nil {
		t.Errorf("the Secret is %v", secret)
	}
	if own, _ := f.object(t, "namespaces/default"); metadata(own)["uid"] == "theirs" || metadata(own)["labels"].(map[string]any)["team"] != "a" {
		t.Errorf("the server's own namespace is %v", own)
	}
	namespace, _ := f.object(t, "namespaces/fresh")
	if !slices.Equal(namespace["spec"].(map[string]any)["finalizers"].([]any), []any{"kubernetes"}) {
		t.Errorf("the namespace made is %v", namespace)
	}
}

// The storage of a server in a cluster gets no core objects, and keeps its own to itself.
func TestCoreObjectsStayOutOfClusters(t *testing.T) {
	f := newFixture(t)
	f.core(t, "secrets/team-a/key", &corev1.Secret{ObjectMeta: coreMeta("team-a", "key")})
	f.write(t, "ranges/servicenodeports", "k8s")
	var told said
	summary, err := Write(t.Context(), f.Store, NDJSON, &bytes.Buffer{}, WriteOptions{Secrets: true, Reports: told.reports()})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, summary, map[Outcome]int{})
	told.want(t, "note: the storage is a cluster's own")
	w := newWorld()
	w.set("1", map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s", "namespace": "fresh"}})
	summary = mustImport(t, w, f, ImportOptions{Secrets: true, Reports: told.reports()})
	wantCounts(t, summary, map[Outcome]int{LeftOut: 1})
	told.want(t, "secrets: left out: fresh/s", "a server in a cluster")
}
