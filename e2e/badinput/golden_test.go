package badinput

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/query"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// patience bounds every wait for something that must happen.
const patience = 2 * time.Minute

const namespace = "precious"

// golden is a folder with the files of a server that has stopped, and what its database holds.
type golden struct {
	dir  string
	data string
}

// newGolden lets a server write something and stop.
func newGolden(t *testing.T) golden {
	t.Helper()
	g := golden{dir: t.TempDir()}
	o := component.ArkOptions{Dir: g.dir}
	server := start(t, o)
	client, err := component.RawClient(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	writeQueries(t, client)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	g.data = contents(t, o.DB())
	if strings.Count(g.data, "/"+namespace+"/query-") != 10 {
		t.Fatalf("the database does not hold what was written:\n%s", g.data)
	}
	return g
}

// writeQueries writes ten queries in a namespace that it makes, which must be there whatever is
// done to the server afterwards.
func writeQueries(t *testing.T, client *rest.RESTClient) {
	t.Helper()
	if err := query.EnsureNamespace(t.Context(), client, namespace); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := query.Create(t.Context(), client, namespace, fmt.Sprintf("query-%d", i), query.Spec(500)); err != nil {
			t.Fatal(err)
		}
	}
}

// copy puts the files into a folder.
func (g golden) copy(t *testing.T, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(g.dir)); err != nil {
		t.Fatal(err)
	}
}

// requireIntact wants a database to hold exactly what the golden one does.
func (g golden) requireIntact(t *testing.T, database string) {
	t.Helper()
	if got := contents(t, database); got != g.data {
		t.Errorf("the data in %s changed:\n%s\nbefore:\n%s", database, got, g.data)
	}
}

// contents opens a database as the server does and prints every key with its revision and value.
func contents(t *testing.T, database string) string {
	t.Helper()
	ctx := context.Background() // also used when the test has ended
	engine, err := sqlite.Open(ctx, database, sqlite.Options{})
	if err != nil {
		t.Fatalf("open %s: %v", database, err)
	}
	return contentsOf(t, engine)
}

// contentsOf prints what a database holds, and closes it. It leaves out what the server keeps by
// itself, such as roles and service accounts: it goes on with that whenever it runs.
func contentsOf(t *testing.T, engine mvcc.Engine) string {
	t.Helper()
	ctx := context.Background()
	store, err := mvcc.Open(ctx, engine, mvcc.Options{})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	defer store.Close()
	all, err := store.Range(ctx, &mvcc.Range{Span: mvcc.Span{Key: []byte{0}, End: []byte{0}}})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, kv := range all.KVs {
		key := string(kv.Key)
		if !strings.HasPrefix(key, "/registry/ark.mckinsey.com/") && !strings.HasPrefix(key, "/registry/namespaces/") {
			continue
		}
		fmt.Fprintf(&text, "%s %d %q\n", kv.Key, kv.ModRevision, kv.Value)
	}
	return text.String()
}

// start starts a server that must become ready; it is killed at the end unless it was stopped
// before.
func start(t *testing.T, o component.ArkOptions) *component.ArkServer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := component.StartArk(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	return server
}

// refused is a start of the server that must fail.
type refused struct {
	// args are added to a command line that would work.
	options component.ArkOptions
	code    int
	// texts are wanted on standard error: the cause, and the fix.
	texts []string
}

// check runs the server to its end, and returns what it said.
func (r refused) check(t *testing.T) string {
	t.Helper()
	c, err := r.options.Command()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := component.RunToEnd(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if code := p.ExitCode(); code != r.code {
		t.Errorf("exit code %d, want %d", code, r.code)
	}
	said := p.Stderr()
	for _, text := range r.texts {
		if !strings.Contains(said, text) {
			t.Errorf("no %q in what the server said:\n%s", text, said)
		}
	}
	if lines := strings.Count(strings.TrimSpace(said), "\n") + 1; lines > 1 {
		t.Errorf("%d lines where one says it:\n%s", lines, said)
	}
	if strings.Contains(said, "goroutine ") {
		t.Errorf("a stack trace is no error message:\n%s", said)
	}
	return said
}

func databaseIn(dir string) string { return filepath.Join(dir, "ark.db") }
