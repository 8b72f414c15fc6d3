package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed test_server.go.txt
var replacement []byte

const (
	module   = "k8s.io/apiserver"
	replaced = "pkg/storage/etcd3/testserver/test_server.go"
)

// sources is a copy of the module under test, with a go.mod that makes the go command use it
// instead of the original.
type sources struct {
	source  string
	modfile string
}

// prepare copies the module into dir. It does not change the e2e module's own go.mod.
func prepare(ctx context.Context, dir string) (*sources, error) {
	original, err := moduleDir(ctx)
	if err != nil {
		return nil, err
	}
	s := &sources{source: filepath.Join(dir, "apiserver"), modfile: filepath.Join(dir, "go.mod")}
	if err := os.RemoveAll(s.source); err != nil {
		return nil, fmt.Errorf("remove the copy of another run: %w", err)
	}
	if err := os.CopyFS(s.source, os.DirFS(original)); err != nil {
		return nil, fmt.Errorf("copy %s: %w", module, err)
	}
	target := filepath.Join(s.source, replaced)
	if err := os.Remove(target); err != nil {
		return nil, fmt.Errorf("the file to replace has moved: %w", err)
	}
	if err := os.WriteFile(target, replacement, 0o600); err != nil {
		return nil, err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("run this in the e2e module: %w", err)
		}
		if name == "go.mod" {
			content = fmt.Appendf(content, "\nreplace %s => %s\n", module, s.source)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func moduleDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		return "", fmt.Errorf("find %s in the module cache (run go mod download in the e2e module): %w", module, err)
	}
	return dir, nil
}

func (s *sources) compile(ctx context.Context, o options, pkg, binary string) error {
	// -mod=mod: modules that only the tests need are added to the copied go.mod.
	args := []string{"test", "-c", "-vet=off", "-mod=mod", "-modfile", s.modfile, "-o", binary}
	if o.race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if o.race {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	return cmd.Run()
}
