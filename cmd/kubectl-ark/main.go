// Command kubectl-ark is a plugin of kubectl: it asks agents, shows and takes back changes,
// searches and reports, over nothing but the public API, so it works with a cluster's
// kube-apiserver and with a standalone server alike.
//
// It exits with 0, 1 if something failed, 2 for a wrong command line, 3 if a query ended with an
// error, 4 if the answer took too long, and 5 if a query waits for a person's decision.
//
// The package may import internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1,
// internal/engine/ask, internal/engine/objects, internal/version, github.com/spf13/cobra,
// golang.org/x/term, k8s.io/api, k8s.io/apimachinery, k8s.io/cli-runtime, k8s.io/client-go and
// sigs.k8s.io/yaml.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	codeFailed      = 1
	codeUsage       = 2
	codeQueryFailed = 3
	codeTimeout     = 4
	codeInput       = 5
	codeInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process, and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newCommand(stdin, stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var failed *failure
	switch {
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, "error: "+harmless(failed.Error()))
		return failed.code
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "error: interrupted")
		return codeInterrupted
	}
	fmt.Fprintln(stderr, "error: "+harmless(readable(err)))
	return codeFailed
}

// failure is an error with a specific exit code.
type failure struct {
	error
	code int
}

// Unwrap returns the wrapped error.
func (f *failure) Unwrap() error { return f.error }

func usage(format string, args ...any) error {
	return &failure{fmt.Errorf(format, args...), codeUsage}
}

// readable adds a fix to API errors that contain none.
func readable(err error) string {
	text := err.Error()
	if apierrors.IsNotFound(err) && strings.HasPrefix(text, "the server could not find the requested resource") {
		return "the server does not know this request: it is no ark-server, or an older one than this plugin"
	}
	return text
}
