package main

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// A binary is divided into sections and modules, stripped as it is released, and one that is too
// large is refused.
func TestReport(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "binary")
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var out strings.Builder
	if err := report(binary, 100, 5, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{" MiB\n", "| .text |", "| .gopclntab |", "| Go's own libraries", "| github.com/mckinsey/ark-server | 0.0 |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if err := report(binary, 0.5, 5, &out); err == nil || !strings.Contains(err.Error(), "are the most") {
		t.Errorf("a binary that is too large: %v", err)
	}
	source := filepath.Join(t.TempDir(), "main.go")
	text := "package main\nimport (\"os\"; \"text/template\")\nfunc main() { template.Must(template.New(\"\").Parse(\"\")).Execute(os.Stdout, nil) }\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	build = exec.Command("go", "build", "-o", binary, source)
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := report(binary, 100, 5, &out); err == nil || !strings.Contains(err.Error(), "every exported method") {
		t.Errorf("a binary that executes templates: %v", err)
	}
	if err := report(os.DevNull, 1, 5, &out); err == nil {
		t.Error("no binary was taken")
	}
}

func TestModuleOf(t *testing.T) {
	built := &buildinfo.BuildInfo{Main: debug.Module{Path: "example.com/main"}}
	for _, path := range []string{"example.com/a", "example.com/a/v2", "example.com/ab"} {
		built.Deps = append(built.Deps, &debug.Module{Path: path})
	}
	for pkg, want := range map[string]string{
		"main": "example.com/main", "example.com/main/internal/x": "example.com/main", "example.com/a": "example.com/a",
		"example.com/a/v2/x": "example.com/a/v2", "example.com/ab/c": "example.com/ab", "net/http": "Go's own libraries, and what the compiler adds",
	} {
		if got := moduleOf(pkg, built); got != want {
			t.Errorf("%s: %s, want %s", pkg, got, want)
		}
	}
}
