package badinput

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // to prepare files of other programs and versions

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

const (
	wrongUsage = 2
	failed     = 1
)

// TestFlags are command lines that cannot be meant.
func TestFlags(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		env   []string
		texts []string
	}{
		"unknown flag":           {args: []string{"--db-pth=./ark.db"}, texts: []string{"--db-pth", "did you mean --db-path?"}},
		"unknown flag, far off":  {args: []string{"--frobnicate"}, texts: []string{"unknown flag --frobnicate", "--help"}},
		"unknown command":        {args: []string{"sevre"}, texts: []string{`"sevre"`, "--help"}},
		"unknown storage":        {args: []string{"--storage=mongo"}, texts: []string{"--storage=mongo", "sqlite"}},
		"etcd without servers":   {args: []string{"--storage=etcd"}, texts: []string{"--etcd-servers=unix://"}},
		"port out of range":      {args: []string{"--secure-port=65536"}, texts: []string{"--secure-port=65536", "0 for a free port"}},
		"port that is no number": {args: []string{"--secure-port=https"}, texts: []string{"--secure-port"}},
		"not an address":         {args: []string{"--bind-address=localhost"}, texts: []string{"--bind-address=localhost", "127.0.0.1"}},
		"open to everybody":      {args: []string{"--etcd-listen=tcp://0.0.0.0:0"}, texts: []string{"--etcd-listen", "loopback"}},
		"in the environment":     {env: []string{"ARK_SECURE_PORT=x"}, texts: []string{"ARK_SECURE_PORT", "--secure-port"}},
	} {
		t.Run(name, func(t *testing.T) {
			code := wrongUsage
			if name == "open to everybody" {
				code = failed // known only when the address is looked at
			}
			o := component.ArkOptions{Dir: t.TempDir(), Args: test.args, Env: test.env}
			if test.env != nil {
				o.Wrap = withoutPort
			}
			refused{options: o, code: code, texts: test.texts}.check(t)
		})
	}
}

// withoutPort drops --secure-port, which would hide the environment.
func withoutPort(c component.Command) component.Command {
	c.Args = append(c.Args[:2:2], c.Args[3:]...)
	return c
}

// TestDatabasePath are paths that hold no database of this server, or none that it may use.
func TestDatabasePath(t *testing.T) {
	g := newGolden(t)
	for name, test := range map[string]struct {
		// prepare returns the options to start with, and the database that must stay as it is, if any.
		prepare func(t *testing.T, dir string) (o component.ArkOptions, database string)
		texts   []string
	}{
		"a folder": {
			prepare: func(_ *testing.T, dir string) (component.ArkOptions, string) {
				return component.ArkOptions{Dir: dir, Database: dir}, ""
			},
			texts: []string{"--db-path=", "it is a folder", "name a file in it"},
		},
		"in a folder that does not exist": {
			prepare: func(_ *testing.T, dir string) (component.ArkOptions, string) {
				return component.ArkOptions{Dir: dir, Database: filepath.Join(dir, "missing", "ark.db")}, ""
			},
			texts: []string{"--db-path=", "does not exist", "mkdir -p"},
		},
		"a text file": {
			prepare: func(t *testing.T, dir string) (component.ArkOptions, string) {
				path := filepath.Join(dir, "notes.txt")
				write(t, path, "Not a database at all, just a few words to myself.\n")
				t.Cleanup(func() { requireText(t, path, "Not a database at all, just a few words to myself.\n") })
				return component.ArkOptions{Dir: dir, Database: path}, ""
			},
			texts: []string{"--db-path=", "not an SQLite database", "choose another path"},
		},
		"another program's database": {
			prepare: func(t *testing.T, dir string) (component.ArkOptions, string) {
				path := filepath.Join(dir, "other.db")
				execute(t, path, "CREATE TABLE songs (title TEXT)", "INSERT INTO songs VALUES ('Yesterday')")
				t.Cleanup(func() { execute(t, path, "UPDATE songs SET title = title WHERE title = 'Yesterday'") })
				return component.ArkOptions{Dir: dir, Database: path}, ""
			},
			texts: []string{"--db-path=", "another program", "choose another path"},
		},
		"from a newer version": {
			prepare: func(t *testing.T, dir string) (component.ArkOptions, string) {
				g.copy(t, dir)
				var version int
				scan(t, databaseIn(dir), "PRAGMA user_version", &version)
				execute(t, databaseIn(dir), fmt.Sprintf("PRAGMA user_version = %d", version+1))
				t.Cleanup(func() {
					execute(t, databaseIn(dir), fmt.Sprintf("PRAGMA user_version = %d", version))
					g.requireIntact(t, databaseIn(dir))
				})
				return component.ArkOptions{Dir: dir}, ""
			},
			texts: []string{"--db-path=", "newer ark-server", "run that release or a later one"},
		},
		"not writable": {
			prepare: func(t *testing.T, dir string) (component.ArkOptions, string) {
				g.copy(t, dir)
				chmod(t, databaseIn(dir), 0o400)
				t.Cleanup(func() { chmod(t, databaseIn(dir), 0o600) })
				return component.ArkOptions{Dir: dir, Wrap: obeyModes(t)}, databaseIn(dir)
			},
			texts: []string{"--db-path=", "cannot be written", "owner and mode"},
		},
		"in a folder that is not writable": {
			prepare: func(t *testing.T, dir string) (component.ArkOptions, string) {
				locked := filepath.Join(dir, "locked")
				if err := os.Mkdir(locked, 0o500); err != nil {
					t.Fatal(err)
				}
				return component.ArkOptions{Dir: dir, Database: databaseIn(locked), Wrap: obeyModes(t)}, ""
			},
			texts: []string{"--db-path=", "cannot be written", "owner and mode"},
		},
		"on a read-only file system": {
			prepare: func(t *testing.T, dir string) (component.ArkOptions, string) {
				disk := newDisk(t, 1<<20)
				if err := disk.Remount("ro"); err != nil {
					t.Fatal(err)
				}
				return component.ArkOptions{Dir: dir, Database: databaseIn(disk.Dir), Wrap: disk.On}, ""
			},
			texts: []string{"--db-path=", "read-only file system", "choose another path"},
		},
		"on a full disk": {
			prepare: func(t *testing.T, dir string) (component.ArkOptions, string) {
				disk := newDisk(t, 64<<10)
				if err := disk.Fill("ballast"); err != nil {
					t.Fatal(err)
				}
				return component.ArkOptions{Dir: dir, Database: databaseIn(disk.Dir), Wrap: disk.On}, ""
			},
			texts: []string{"--db-path=", "disk is full", "free some space"},
		},
		"in use by another process": {
			prepare: func(t *testing.T, dir string) (component.ArkOptions, string) {
				g.copy(t, dir)
				first := start(t, component.ArkOptions{Dir: dir})
				t.Cleanup(func() {
					if err := first.Stop(); err != nil {
						t.Error(err)
					}
					g.requireIntact(t, databaseIn(dir))
				})
				return component.ArkOptions{Dir: t.TempDir(), Database: databaseIn(dir)}, ""
			},
			texts: []string{"--db-path=", "has it open", "stop that one first"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, database := test.prepare(t, t.TempDir())
			refused{options: o, code: failed, texts: test.texts}.check(t)
			if database != "" {
				chmod(t, database, 0o600)
				g.requireIntact(t, database)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	g := newGolden(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	port := other.Addr().(*net.TCPAddr).Port
	refused{
		options: component.ArkOptions{Dir: g.dir, Port: port},
		code:    failed,
		texts:   []string{fmt.Sprintf("--secure-port=%d", port), "another program listens", "choose another port"},
	}.check(t)
	g.requireIntact(t, databaseIn(g.dir))
}

func newDisk(t *testing.T, size int) *component.Disk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	disk, err := component.NewDisk(ctx, t.TempDir(), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(disk.Close)
	return disk
}

// obeyModes takes from root the right to ignore file modes; other users never had it.
func obeyModes(t *testing.T) func(component.Command) component.Command {
	return func(c component.Command) component.Command {
		if os.Geteuid() != 0 {
			return c
		}
		c.Args = append([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search", c.Path}, c.Args...)
		c.Path = "/usr/bin/env"
		return c
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func requireText(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
	}
}

// execute runs statements on a database file without the server.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func scan(t *testing.T, path, question string, into any) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(question).Scan(into); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
}
