// Command conformance runs the storage tests of k8s.io/apiserver on our
// endpoint. They are compiled from the module cache as they are; only the file
// with the two functions that start an etcd is replaced, by test_server.go.txt.
//
// Run it from the e2e module:
//
//	go run ./conformance                        # etcd3's suite, both transports
//	go run ./conformance -transport grpc -run TestWatch -v
//	go run ./conformance -packages etcd3,cacher,storagebackend/factory
//	go run ./conformance -race
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

//go:embed test_server.go.txt
var replacement []byte

const root = "k8s.io/apiserver/pkg/storage/"

type options struct {
	transports, packages []string
	run, skip, timeout   string
	race, verbose        bool
	count, parallel      int
}

func main() {
	var o options
	transport := flag.String("transport", "direct,grpc", "how the tests reach the endpoint: direct, grpc or both")
	packages := flag.String("packages", "etcd3", "packages below "+root+" to run, separated by commas")
	flag.StringVar(&o.run, "run", "", "run only the tests that match this, as for go test")
	flag.StringVar(&o.skip, "skip", "", "leave out the tests that match this, as for go test")
	flag.StringVar(&o.timeout, "timeout", "15m", "for one package")
	flag.BoolVar(&o.race, "race", false, "with the race detector (needs cgo)")
	flag.BoolVar(&o.verbose, "v", false, "print everything that the tests print")
	flag.IntVar(&o.count, "count", 1, "how often to run each test")
	flag.IntVar(&o.parallel, "parallel", 1, "tests at a time")
	flag.Parse()
	o.transports = strings.Split(*transport, ",")
	o.packages = strings.Split(*packages, ",")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := runAll(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func runAll(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source, err := moduleDir(ctx, "k8s.io/apiserver")
	if err != nil {
		return err
	}
	overlay, err := writeOverlay(dir, source)
	if err != nil {
		return err
	}
	var failed []string
	for _, pkg := range o.packages {
		binary := filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")+".test")
		if err := compile(ctx, o, overlay, root+pkg, binary); err != nil {
			return fmt.Errorf("compile %s: %w", pkg, err)
		}
		for _, transport := range o.transports {
			began := time.Now()
			n, err := runSuite(ctx, o, binary, filepath.Join(source, "pkg/storage", pkg), transport)
			fmt.Printf("%s over %s: %d checks passed, %d failed, %d skipped, in %.0f s\n",
				pkg, transport, n.passed, n.failed, n.skipped, time.Since(began).Seconds())
			if err != nil || n.failed > 0 || n.passed == 0 {
				failed = append(failed, pkg+" over "+transport)
			}
		}
	}
	if failed != nil {
		return errors.New("failed: " + strings.Join(failed, ", "))
	}
	return nil
}

func moduleDir(ctx context.Context, module string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find %s (run this in the e2e module, after go mod download): %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// writeOverlay writes the replaced file and the overlay that the go command
// reads, and returns the path of the latter.
func writeOverlay(dir, source string) (string, error) {
	file := filepath.Join(dir, "test_server.go")
	if err := os.WriteFile(file, replacement, 0o600); err != nil {
		return "", err
	}
	original := filepath.Join(source, "pkg/storage/etcd3/testserver/test_server.go")
	if _, err := os.Stat(original); err != nil {
		return "", fmt.Errorf("the file to replace has moved: %w", err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: file}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, overlay, 0o600)
}

func compile(ctx context.Context, o options, overlay, pkg, binary string) error {
	args := []string{"test", "-c", "-vet=off", "-overlay", overlay, "-o", binary}
	if o.race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if o.race {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	return cmd.Run()
}
