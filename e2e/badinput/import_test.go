package badinput

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// arkServer runs a command of the server to its end.
func arkServer(t *testing.T, wrap func(component.Command) component.Command, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	path, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	c := component.Command{Path: path, Name: "ark-server", Args: args, Dir: t.TempDir()}
	if wrap != nil {
		c = wrap(c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := component.RunToEnd(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.ExitCode(); got != code {
		t.Errorf("ark-server %s: exit code %d, want %d:\n%s%s", strings.Join(args, " "), got, code, p.Stdout(), p.Stderr())
	}
	if strings.Contains(p.Stderr(), "goroutine ") {
		t.Errorf("a stack trace is no error message:\n%s", p.Stderr())
	}
	return p.Stdout(), p.Stderr()
}

func requireTexts(t *testing.T, said string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("no %q in\n%s", text, said)
		}
	}
}

func agents(from, to, size int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"agent-%d","namespace":"default","uid":"u-%d","creationTimestamp":"2025-01-31T12:00:00Z"},"spec":{"prompt":%q}}`+"\n", i, i, strings.Repeat("x", size))
	}
	return b.String()
}

// TestImport gives import what it cannot use; what the database held before stays as it was.
func TestImport(t *testing.T) {
	g := newGolden(t)
	db := "--db-path=" + databaseIn(g.dir)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, text)
		return path
	}
	for name, test := range map[string]struct {
		args  []string
		texts []string
	}{
		"no file":              {[]string{"--from-file=" + dir + "/none.yaml"}, []string{"--from-file=", "no such file"}},
		"no kubeconfig":        {[]string{"--from-kubeconfig=" + file("notes.txt", "a few words to myself")}, []string{"--from-kubeconfig=", "kubeconfig"}},
		"text":                 {[]string{"--from-file=" + file("words.yaml", "a few words: to: myself\n")}, []string{"words.yaml, line 1"}},
		"JSON cut off":         {[]string{"--from-file=" + file("cut.ndjson", agents(0, 1, 10)[:60])}, []string{"cut.ndjson, line 1", "not complete"}},
		"another API":          {[]string{"--from-file=" + file("new.json", `{"apiVersion":"ark.mckinsey.com/v9","kind":"Agent","metadata":{"name":"a"}}`)}, []string{"new.json, line 1", "v9", "1 objects were not taken"}},
		"a name that is a way": {[]string{"--from-file=" + file("way.json", strings.Replace(agents(0, 1, 10), "agent-0", "../../namespaces/precious", 1))}, []string{"way.json, line 1", "precious", "1 objects were not taken"}},
		"binary":               {[]string{"--from-file=" + file("binary.yaml", "\x00\x01\x02")}, []string{"binary.yaml, line 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, said := arkServer(t, nil, failed, append([]string{"import", db}, test.args...)...)
			requireTexts(t, said, test.texts...)
		})
	}
	g.requireIntact(t, databaseIn(g.dir))

	t.Run("while a server runs", func(t *testing.T) {
		server := start(t, component.ArkOptions{Dir: g.dir})
		_, said := arkServer(t, nil, failed, "import", db, "--from-file="+file("one.ndjson", agents(0, 1, 10)))
		requireTexts(t, said, "--db-path=", "has it open", "--etcd-listen")
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
		g.requireIntact(t, databaseIn(g.dir))
	})
}

// TestImportOnAFullDisk: an import that runs out of space says so, and goes on where it was when
// there is some.
func TestImportOnAFullDisk(t *testing.T) {
	const n = 400
	disk := newDisk(t, 4<<20)
	file := filepath.Join(t.TempDir(), "agents.ndjson")
	write(t, file, agents(0, n, 20<<10))
	db := "--db-path=" + databaseIn(disk.Dir)
	_, said := arkServer(t, disk.On, failed, "import", db, "--from-file="+file)
	requireTexts(t, said, "disk is full", "run this again")
	if err := disk.Remount("size=64M"); err != nil {
		t.Fatal(err)
	}
	table, _ := arkServer(t, disk.On, 0, "import", db, "--from-file="+file)
	requireTexts(t, table, "created", "unchanged")
	table, _ = arkServer(t, disk.On, 0, "import", db, "--from-file="+file, "--verify")
	requireTexts(t, table, "unchanged", fmt.Sprint(n))
}
