package servers

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// patience bounds whatever a test waits for.
const patience = 2 * time.Minute

var heavy = flag.Bool("heavy", false, "also rotate keys and change the passphrase, which takes a minute")

var databases engine.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	databases.Stop()
	os.Exit(code)
}

// server is how one is started.
type server struct {
	component.ArkOptions
	*component.ArkServer
}

// startAll starts servers at once.
func startAll(t *testing.T, all ...*server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var starting errgroup.Group
	for _, s := range all {
		starting.Go(func() (err error) {
			s.ArkServer, err = component.StartArk(ctx, s.ArkOptions)
			return err
		})
	}
	err := starting.Wait()
	for _, s := range all {
		if s.ArkServer != nil {
			t.Cleanup(s.Kill)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// refused starts a server that does not come up, and returns why.
func refused(t *testing.T, o component.ArkOptions) string {
	t.Helper()
	c, err := o.Command()
	if err != nil {
		t.Fatal(err)
	}
	return failed(t, c)
}

func failed(t *testing.T, c component.Command) string {
	t.Helper()
	p := run(t, c)
	if code := p.ExitCode(); code == 0 {
		t.Errorf("%v: exit code 0", c.Args)
	}
	return p.Stderr()
}

func run(t *testing.T, c component.Command) *component.Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := component.RunToEnd(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ofCommands are those of a server's flags that commands on its database have, too.
func ofCommands(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.HasPrefix(arg, "--engine=") })
}

// command runs ark-server with the flags of a server, and returns what it prints.
func (s *server) command(t *testing.T, args ...string) string {
	t.Helper()
	c, err := s.ArkOptions.Command()
	if err != nil {
		t.Fatal(err)
	}
	c.Args = append(args, ofCommands(c.Args)...)
	p := run(t, c)
	if code := p.ExitCode(); code != 0 {
		t.Fatalf("ark-server %s: exit code %d\n%s", strings.Join(args, " "), code, p.Stderr())
	}
	return strings.TrimSpace(p.Stdout())
}

// client is the admin's, at a server.
func (s *server) client(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	return clientFor(t, s.Config)
}

func clientFor(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// as is a server's configuration for the holder of a token.
func (s *server) as(token string) *rest.Config {
	config := rest.CopyConfig(s.Config)
	config.BearerToken = token
	return config
}

// eventually waits until do returns nil.
func eventually(t *testing.T, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writePassphrase(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mention(t *testing.T, what, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s: it does not say %q:\n%s", what, w, text)
		}
	}
}

func perStorage(t *testing.T, do func(t *testing.T, flags []string)) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) { do(t, databases.New(t, storage).Flags()) })
	}
}

// newServer is one with a folder of its own.
func newServer(t *testing.T, storage []string, args ...string) *server {
	t.Helper()
	return &server{ArkOptions: component.ArkOptions{Dir: t.TempDir(), Storage: storage, Args: args}}
}

func (s *server) keys() string {
	if s.Keys != "" {
		return s.Keys
	}
	return filepath.Join(s.Dir, "keys")
}

func since(began time.Time) string { return fmt.Sprint(time.Since(began).Round(10 * time.Millisecond)) }
