package mvcc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var runMutations = flag.Bool("mutations", false, "run the simulation on every mutation in testdata/mutations; it must fail")

// TestMutations: each patch in testdata/mutations breaks an invariant of the store, and the
// simulation notices it with the seed that the patch names. Without -mutations the test sees only
// that all patches still apply, and that there is one for each invariant that the simulation
// covers.
func TestMutations(t *testing.T) {
	patches, err := filepath.Glob("testdata/mutations/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("no patches: %v", err)
	}
	broken := map[int]bool{}
	for _, path := range patches {
		m := readMutation(t, path)
		broken[m.invariant] = true
		t.Run(strings.TrimSuffix(filepath.Base(path), ".patch"), func(t *testing.T) {
			overlay := m.apply(t)
			if *runMutations {
				m.run(t, overlay)
			}
		})
	}
	for _, invariant := range []int{1, 2, 3, 4, 5, 6, 7, 8, 10} {
		if !broken[invariant] {
			t.Errorf("no patch breaks invariant %d", invariant)
		}
	}
}

// mutation is a patch for the package. Its header says which invariant it breaks, and with which
// seed the simulation shows that.
type mutation struct {
	path      string
	invariant int
	seed      uint64
}

func readMutation(t *testing.T, path string) mutation {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := mutation{path: path}
	if _, err := fmt.Sscanf(string(text), "Invariant: %d\nSeed: %d\n", &m.invariant, &m.seed); err != nil || m.seed == 0 {
		t.Fatalf("%s does not begin with the lines Invariant and Seed: %v", path, err)
	}
	return m
}

// apply applies the patch to a copy of the package, and returns the file that lets go build take
// the copy in the package's place.
func (m mutation) apply(t *testing.T) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	patch, err := filepath.Abs(m.path)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	dir := filepath.Join(root, "internal", "mvcc")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	original := map[string][]byte{}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if original[name], err = os.ReadFile(name); err == nil {
			err = os.WriteFile(filepath.Join(dir, name), original[name], 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	git := exec.Command("git", "apply", patch)
	git.Dir = root
	git.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(root))
	if out, err := git.CombinedOutput(); err != nil {
		t.Fatalf("%s does not apply any more: write it again for the code as it is now: %v\n%s", m.path, err, out)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range original {
		changed, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(changed, text) {
			overlay.Replace[filepath.Join(here, name)] = filepath.Join(dir, name)
		}
	}
	if len(overlay.Replace) == 0 {
		t.Fatalf("%s changes nothing", m.path)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "overlay.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// mutationLimit is how long the simulation may take to fail.
const mutationLimit = time.Minute

func (m mutation) run(t *testing.T, overlay string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "mvcc.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-c", "-overlay="+overlay, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), mutationLimit)
	defer cancel()
	begin := time.Now()
	out, err := exec.CommandContext(ctx, binary, "-test.run=^TestSimulation$", fmt.Sprintf("-sim.seed=%d", m.seed),
		"-test.count=5", "-test.failfast").CombinedOutput()
	took := time.Since(begin).Round(time.Millisecond)
	want := fmt.Sprintf("seed %d: invariant %d:", m.seed, m.invariant)
	switch i := bytes.Index(out, []byte(want)); {
	case err == nil:
		t.Errorf("the simulation does not notice it with seed %d: look for another one with -sim.seeds", m.seed)
	case i < 0:
		t.Errorf("the simulation fails after %s, but does not say %q:\n%.3000s", took, want, out)
	default:
		said, _, _ := bytes.Cut(out[i:], []byte("\n"))
		t.Logf("after %s: %s", took, said)
	}
}
