package dbupgrade

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/journal"
	"github.com/mckinsey/ark-server/e2e/internal/query"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

var (
	mariadbFlag  = flag.String("mariadb", "", "the folder with the programs of the MariaDB to upgrade to")
	postgresFlag = flag.String("postgresql", "", "the folder with the programs of the PostgreSQL to upgrade to, all of them")
)

const (
	writers = 6
	// pause is how long writers work before and after.
	pause    = 3 * time.Second
	patience = 2 * time.Minute
	probes   = "probes" // the namespace of what the journal does not know
)

// fleet is two ark-servers on one database, with writers at both.
type fleet struct {
	t        *testing.T
	database *sqltest.Server
	place    engine.Place
	options  [2]component.ArkOptions
	servers  [2]*component.ArkServer
	clients  [2]*rest.RESTClient
	journal  *journal.Journal
}

func start(t *testing.T, storage string) *fleet {
	t.Helper()
	f := &fleet{t: t, journal: journal.New()}
	f.database, f.place = engine.Start(t, storage)
	for i := range f.options {
		f.options[i] = component.ArkOptions{Dir: t.TempDir(), Storage: f.place.Flags()}
	}
	f.startServers()
	for _, name := range []string{journal.Namespace, probes} {
		if err := query.EnsureNamespace(t.Context(), f.clients[0], name); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *fleet) startServers() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	for i := range f.options {
		s, err := component.StartArk(ctx, f.options[i])
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(s.Kill)
		f.servers[i] = s
		if f.clients[i], err = component.RawClient(s.Config); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fleet) stopServers() {
	f.t.Helper()
	for _, s := range f.servers {
		if err := s.Stop(); err != nil {
			f.t.Fatal(err)
		}
	}
}

// under has writers at work while change is made, and for a while before and after.
func (f *fleet) under(name string, change func()) {
	f.t.Helper()
	ctx, stop := context.WithCancel(f.t.Context())
	defer stop()
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			return f.journal.Write(ctx, fmt.Sprintf("%s-%d", name, w), func() *rest.RESTClient { return f.clients[rand.IntN(len(f.clients))] })
		})
	}
	time.Sleep(pause)
	began := time.Now()
	change()
	changed := time.Now()
	for i, c := range f.clients {
		f.until(func() error {
			return query.Create(ctx, c, probes, fmt.Sprintf("%s-probe-%d", name, i), query.Spec(10))
		})
	}
	f.t.Logf("%s: the change took %s, and after another %s both servers wrote again", name, changed.Sub(began).Round(100*time.Millisecond), time.Since(changed).Round(10*time.Millisecond))
	time.Sleep(pause)
	stop()
	if err := g.Wait(); err != nil {
		f.t.Fatal(err)
	}
	f.check(name)
}

func (f *fleet) until(try func() error) {
	f.t.Helper()
	limit := time.Now().Add(patience)
	for err := try(); err != nil; err = try() {
		if time.Now().After(limit) {
			f.t.Fatalf("not within %s: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (f *fleet) check(name string) {
	f.t.Helper()
	for i, c := range f.clients {
		f.journal.Check(f.t, c, fmt.Sprintf("%s, server %d", name, i))
	}
	f.t.Logf("%s: %d writes were acknowledged, %d attempts were not", name, f.journal.Writes, f.journal.Refused)
}

func wanted(t *testing.T, folder string) string {
	t.Helper()
	if folder == "" {
		t.Fatal("say with -mariadb and -postgresql where the programs are to upgrade to: make e2e-database-upgrade does")
	}
	path, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMariaDBInPlace: the servers go on by themselves with the next version on the same data.
func TestMariaDBInPlace(t *testing.T) {
	to := wanted(t, *mariadbFlag)
	f := start(t, engine.MySQL)
	f.under("in-place", func() {
		if err := f.database.UpgradeMariaDB(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	})
	f.stopServers()
	f.startServers()
	f.check("after a restart")
}

// TestPostgresByPgUpgrade: the servers go on by themselves with the next version's copy of the data at the same address.
func TestPostgresByPgUpgrade(t *testing.T) {
	to := wanted(t, *postgresFlag)
	f := start(t, engine.PostgreSQL)
	f.under("pg-upgrade", func() {
		if err := f.database.UpgradePostgres(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	})
	f.stopServers()
	f.startServers()
	f.check("after a restart")
}

// TestPostgresByDump: with the servers stopped, a dump into a server of the next version holds everything, and the
// servers start on it as it is: nothing has been lost, so the counter need not be moved on.
func TestPostgresByDump(t *testing.T) {
	to := wanted(t, *postgresFlag)
	f := start(t, engine.PostgreSQL)
	f.under("before", func() {})
	f.stopServers()
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), filepath.Join(to, name), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
		}
	}
	dump := filepath.Join(t.TempDir(), "ark.dump")
	old := f.place.Config
	run("pg_dump", "-h", old.Host, "-p", fmt.Sprint(old.Port), "-U", old.User, "-Fc", "--no-owner", "-f", dump, old.Name)
	t.Setenv("PATH", to+":"+os.Getenv("PATH"))
	var place engine.Place
	f.database, place = engine.Start(t, engine.PostgreSQL)
	now := place.Config
	run("pg_restore", "-h", now.Host, "-p", fmt.Sprint(now.Port), "-U", now.User, "--no-owner", "--exit-on-error", "-d", now.Name, dump)
	for i := range f.options {
		f.options[i].Storage = place.Flags()
	}
	f.startServers()
	f.check("after the dump")
	f.under("after", func() {})
}
