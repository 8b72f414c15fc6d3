package kubectl

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/golden"
	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

var update = flag.Bool("update", false, "write the golden files of TestGolden anew")

// TestGolden holds what a user sees of each kind, in a session from apply to delete, to the files
// in testdata: one server with all kinds. Ages, uids, times and versions are replaced
// (normalize_test.go). Write the files with -update, and read the difference before you commit it.
func TestGolden(t *testing.T) {
	c := newCluster(t, component.ArkOptions{})
	t.Run("kinds", func(t *testing.T) { // Returns when all of them have ended.
		for _, sample := range registrytest.Samples() {
			t.Run(sample.Plural, func(t *testing.T) {
				t.Parallel()
				newSession(t, c, sample).run(t)
			})
		}
	})
}

// session is a kind's transcript as it grows.
type session struct {
	*cluster
	facts.Session
	sample registrytest.Sample
	plural string
	// object is kind/name, namespace where the session takes place.
	object, name, namespace string
	manifest                string
	text                    strings.Builder
}

func newSession(t *testing.T, c *cluster, sample registrytest.Sample) *session {
	t.Helper()
	s := &session{cluster: c, Session: sample.Facts.Session, sample: sample, plural: sample.Plural, namespace: "golden-" + sample.Plural}
	examples, err := filepath.Glob(filepath.Join(s.root, "docs", "examples", "*-"+strings.ToLower(sample.Kind)+".yaml"))
	if err != nil || len(examples) != 1 {
		t.Fatalf("want one example of %s, have %q, %v", sample.Kind, examples, err)
	}
	s.manifest = s.read(t, examples[0])
	_, after, _ := strings.Cut(s.manifest, "\n  name: ")
	s.name, _, _ = strings.Cut(after, "\n")
	s.object = s.plural + "/" + s.name
	if s.Old == "" || !strings.Contains(s.manifest, s.Old) {
		t.Fatalf("no %q, which the session in the facts changes, in %s", s.Old, examples[0])
	}
	return s
}

func (s *session) read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *session) run(t *testing.T) {
	s.cluster.namespace(t, s.namespace)
	if len(s.Needs) > 0 {
		args := []string{"apply", "-n", s.namespace}
		for _, file := range s.Needs {
			args = append(args, "-f", filepath.Join(s.root, "docs", "examples", file))
		}
		s.cluster.run(t, args...)
	}
	s.applies(t)
	s.status(t)
	s.changes(t)
	s.deletions(t)
	compare(t, s.plural+".txt", s.text.String())

	s.text.Reset()
	s.explains(t)
	compare(t, s.plural+".explain.txt", s.text.String())
}

// compare holds a text to a golden file, or writes it there.
func compare(t *testing.T, file, got string) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", file), got, *update, "cd e2e && go test ./kubectl -run TestGolden -update")
}

// applies creates the object and looks at it in each format.
func (s *session) applies(t *testing.T) {
	s.do(t, ok, s.manifest, "apply", "-f", "-")
	s.do(t, ok, s.manifest, "apply", "-f", "-")
	s.do(t, ok, s.manifest, "diff", "-f", "-")
	s.do(t, ok, "", "get", s.plural)
	s.do(t, ok, "", "get", s.plural, "-o", "wide")
	s.do(t, ok, "", "get", s.plural, "-o", "name")
}

// status has somebody wait for a status while it is written, and shows it.
func (s *session) status(t *testing.T) {
	args := s.args("wait", s.object, "--for="+s.Waits, "--timeout="+patience.String())
	waiter, err := s.kubectl.Start(args...)
	if err != nil {
		t.Fatal(err)
	}
	defer waiter.Kill()
	patch, err := json.Marshal(map[string]any{"status": s.sample.StatusValue()})
	if err != nil {
		t.Fatal(err)
	}
	s.do(t, ok, "", "patch", s.object, "--subresource=status", "--type=merge", "-p", string(patch))
	code := waiter.ExitCode()
	s.note(t, ok, args, component.KubectlResult{Stdout: waiter.Stdout(), Stderr: waiter.Stderr(), Code: code})
	s.do(t, ok, "", "get", s.plural, "-o", "wide")
	s.do(t, ok, "", "describe", s.object)
}

// changes has the object changed in each of the ways that kubectl knows.
func (s *session) changes(t *testing.T) {
	changed := strings.Replace(s.manifest, s.Old, s.Changed, 1)
	s.comment("in the file, " + quote(s.Old) + " becomes " + quote(s.Changed))
	s.do(t, failed, changed, "diff", "-f", "-")
	s.do(t, ok, changed, "apply", "-f", "-")
	s.comment("the editor: sed -i '" + s.Edit + "'")
	s.edits(t, "edit", s.object)
	s.comment("the first file again, server side: somebody has edited what it says")
	s.do(t, failed, s.manifest, "apply", "--server-side", "-f", "-")
	s.do(t, failed, s.manifest, "diff", "--server-side", "--force-conflicts", "-f", "-")
	s.do(t, ok, s.manifest, "apply", "--server-side", "--force-conflicts", "-f", "-")
	s.do(t, ok, s.manifest, "diff", "--server-side", "-f", "-")
	s.do(t, ok, "", "get", s.object, "-o", "yaml")
}

// edits runs kubectl with sed for an editor.
func (s *session) edits(t *testing.T, args ...string) {
	t.Helper()
	editor := filepath.Join(t.TempDir(), "editor")
	if err := os.WriteFile(editor, []byte("#!/bin/sh\nexec sed -i '"+s.Edit+"' \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.with(t, s.kubectl.With("KUBE_EDITOR="+editor), ok, "", args...)
}

// deletions deletes owners in each of the three ways, and the object at last.
func (s *session) deletions(t *testing.T) {
	modes := []string{"background", "foreground", "orphan"}
	var owners, dependents []string
	for _, mode := range modes {
		owners = append(owners, strings.Replace(s.manifest, "\n  name: "+s.name+"\n", "\n  name: "+mode+"\n", 1))
	}
	s.comment("three more of them, named for how they are deleted")
	s.do(t, ok, strings.Join(owners, "---\n"), "create", "-f", "-")
	for _, mode := range modes {
		uid := s.cluster.run(t, s.args("get", s.plural+"/"+mode, "-o", "jsonpath={.metadata.uid}")...)
		owner := fmt.Sprintf("[{apiVersion: ark.mckinsey.com/%s, kind: %s, name: %s, uid: %s, blockOwnerDeletion: true}]", s.sample.Version, s.sample.Kind, mode, uid)
		dependents = append(dependents,
			fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: of-%s, namespace: %s, ownerReferences: %s}}\n", mode, s.namespace, owner),
			fmt.Sprintf("{apiVersion: ark.mckinsey.com/v1alpha1, kind: Memory, metadata: {name: of-%s, namespace: %s, ownerReferences: %s}, spec: {address: {value: \"http://memory.example.com\"}}}\n", mode, s.namespace, owner))
	}
	s.comment("and of each a ConfigMap and a Memory that it owns")
	s.do(t, ok, strings.Join(dependents, "---\n"), "create", "-f", "-")
	for _, mode := range modes {
		s.do(t, ok, "", "delete", s.plural+"/"+mode, "--cascade="+mode)
	}
	// Those of the background may be gone already, and kubectl then says nothing.
	s.cluster.run(t, "wait", "configmap/of-background", "memory/of-background", "-n", s.namespace, "--for=delete", "--timeout="+patience.String())
	s.do(t, ok, "", "get", "configmaps,memories", "-n", s.namespace, "--field-selector=metadata.name!="+s.name,
		"-o", "custom-columns=KIND:.kind,NAME:.metadata.name,OWNERS:.metadata.ownerReferences")

	s.comment("a finalizer holds the object until it is taken away")
	s.do(t, ok, "", "patch", s.object, "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/hold"]}}`)
	s.do(t, ok, "", "delete", s.object, "--wait=false")
	s.do(t, ok, "", "get", s.object, "-o", "jsonpath={.metadata.finalizers}")
	args := s.args("wait", s.object, "--for=delete", "--timeout="+patience.String())
	waiter, err := s.kubectl.Start(args...)
	if err != nil {
		t.Fatal(err)
	}
	defer waiter.Kill()
	s.do(t, ok, "", "patch", s.object, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	// As above: what it says depends on whether it has seen the object.
	if code := waiter.ExitCode(); code != 0 {
		t.Errorf("kubectl wait --for=delete: exit code %d\n%s%s", code, waiter.Stdout(), waiter.Stderr())
	}
	s.do(t, failed, "", "get", s.object)
}

func (s *session) explains(t *testing.T) {
	for _, path := range []string{s.plural + ".spec", s.plural + ".status"} {
		s.do(t, ok, "", "explain", path, "--api-version=ark.mckinsey.com/"+s.sample.Version)
	}
	s.do(t, ok, "", "explain", s.plural, "--recursive", "--api-version=ark.mckinsey.com/"+s.sample.Version)
}

func quote(text string) string { return "'" + strings.TrimSuffix(text, "\n") + "'" }
