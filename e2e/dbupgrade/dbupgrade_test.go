package dbupgrade

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/fleet"
	"github.com/mckinsey/ark-server/e2e/internal/journal"
	"github.com/mckinsey/ark-server/e2e/internal/query"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

var (
	mariadbFlag  = flag.String("mariadb", "", "the folder with the programs of the MariaDB to upgrade to")
	postgresFlag = flag.String("postgresql", "", "the folder with the programs of the PostgreSQL to upgrade to, all of them")
)

const (
	// pause is how long writers work before and after.
	pause    = 3 * time.Second
	patience = 2 * time.Minute
	probes   = "probes" // the namespace of what the journal does not know
)

// deployment is two ark-servers on one database, with a journal of what they acknowledged.
type deployment struct {
	*fleet.Fleet
	t        *testing.T
	database *sqltest.Server
	place    engine.Place
	journal  *journal.Journal
}

func start(t *testing.T, storage string) *deployment {
	t.Helper()
	d := &deployment{t: t, journal: journal.New()}
	d.database, d.place = engine.Start(t, storage)
	d.Fleet = fleet.On(t, 2, d.place.Flags())
	d.Start(t, journal.Namespace, probes)
	return d
}

// under has writers at work while change is made, and for a while before and after.
func (d *deployment) under(name string, change func()) {
	d.t.Helper()
	stop := d.Write(d.t, d.journal, name)
	time.Sleep(pause)
	began := time.Now()
	change()
	changed := time.Now()
	for i, c := range d.Clients() {
		d.until(func() error {
			return query.Create(d.t.Context(), c, probes, fmt.Sprintf("%s-probe-%d", name, i), query.Spec(10))
		})
	}
	d.t.Logf("%s: the change took %s, and after another %s both servers wrote again", name, changed.Sub(began).Round(100*time.Millisecond), time.Since(changed).Round(10*time.Millisecond))
	time.Sleep(pause)
	stop()
	d.check(name)
}

func (d *deployment) until(try func() error) {
	d.t.Helper()
	limit := time.Now().Add(patience)
	for err := try(); err != nil; err = try() {
		if time.Now().After(limit) {
			d.t.Fatalf("not within %s: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (d *deployment) check(name string) {
	d.t.Helper()
	d.Check(d.t, d.journal, name)
}

func (d *deployment) restart() {
	d.t.Helper()
	d.Stop(d.t)
	d.Start(d.t)
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
	d := start(t, engine.MySQL)
	d.under("in-place", func() {
		if err := d.database.UpgradeMariaDB(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	})
	d.restart()
	d.check("after a restart")
}

// TestPostgresByPgUpgrade: the servers go on by themselves with the next version's copy of the data
// at the same address.
func TestPostgresByPgUpgrade(t *testing.T) {
	to := wanted(t, *postgresFlag)
	d := start(t, engine.PostgreSQL)
	d.under("pg-upgrade", func() {
		if err := d.database.UpgradePostgres(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	})
	d.restart()
	d.check("after a restart")
}

// TestPostgresByDump: with the servers stopped, a dump into a server of the next version holds
// everything, and the servers start on it as it is: nothing has been lost, so the counter need not
// be moved on.
func TestPostgresByDump(t *testing.T) {
	to := wanted(t, *postgresFlag)
	d := start(t, engine.PostgreSQL)
	d.under("before", func() {})
	d.Stop(t)
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), filepath.Join(to, name), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
		}
	}
	dump := filepath.Join(t.TempDir(), "ark.dump")
	old := d.place.Config
	run("pg_dump", "-h", old.Host, "-p", fmt.Sprint(old.Port), "-U", old.User, "-Fc", "--no-owner", "-f", dump, old.Name)
	t.Setenv("PATH", to+":"+os.Getenv("PATH"))
	var place engine.Place
	d.database, place = engine.Start(t, engine.PostgreSQL)
	now := place.Config
	run("pg_restore", "-h", now.Host, "-p", fmt.Sprint(now.Port), "-U", now.User, "--no-owner", "--exit-on-error", "-d", now.Name, dump)
	d.Move(place.Flags())
	d.Start(t)
	d.check("after the dump")
	d.under("after", func() {})
}
