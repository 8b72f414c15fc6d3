package upgrade

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/fleet"
	"github.com/mckinsey/ark-server/e2e/internal/journal"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	replicas = 2
	// pause is how long the writers are left to a set of replicas before the next one is replaced.
	pause = 2 * time.Second
)

var servers engine.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// before makes a command that of the release before, which leaves Queries to others by itself and
// has no flag for it.
func before(t *testing.T) func(component.Command) component.Command {
	t.Helper()
	if err := component.BuildBinaries("ark-server-before"); err != nil {
		t.Fatal(err)
	}
	path, err := component.Binary("ark-server-before")
	if err != nil {
		t.Fatal(err)
	}
	return func(c component.Command) component.Command {
		c.Path = path
		c.Args = slices.DeleteFunc(slices.Clone(c.Args), func(arg string) bool { return arg == "--engine=external" })
		return c
	}
}

// TestRolling: replicas of the release before are replaced one by one, and then those of this
// release by the one before again, under writers. Both releases run at the same time; nothing
// acknowledged is missing or older.
func TestRolling(t *testing.T) {
	old := before(t)
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			f := fleet.On(t, replicas, servers.New(t, storage).Flags())
			for i := range replicas {
				f.Replace(t, i, old)
			}
			if err := query.EnsureNamespace(t.Context(), f.Any(), journal.Namespace); err != nil {
				t.Fatal(err)
			}
			j := journal.New()
			for _, round := range []struct {
				name string
				wrap func(component.Command) component.Command
			}{{"to this release", nil}, {"back", old}, {"to this release again", nil}} {
				stop := f.Write(t, j, strings.ReplaceAll(round.name, " ", "-"))
				for i := range replicas {
					time.Sleep(pause)
					f.Replace(t, i, round.wrap)
				}
				time.Sleep(pause)
				stop()
				f.Check(t, j, round.name)
			}
		})
	}
}

// TestSQLite: the file of the release before is taken over with all its objects. The release before
// refuses the file then, says which release to run, and harms nothing.
func TestSQLite(t *testing.T) {
	old := before(t)
	f := fleet.New(component.ArkOptions{Dir: t.TempDir()})
	j := journal.New()
	run := func(name string) {
		t.Helper()
		stop := f.Write(t, j, name)
		time.Sleep(pause)
		stop()
		f.Check(t, j, name)
	}
	f.Replace(t, 0, old)
	if err := query.EnsureNamespace(t.Context(), f.Any(), journal.Namespace); err != nil {
		t.Fatal(err)
	}
	run("before")

	f.Replace(t, 0, nil)
	f.Check(t, j, "after the upgrade")
	run("after")
	f.Stop(t)

	options := f.Options(0)
	options.Wrap = old
	command, err := options.Command()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := component.RunToEnd(ctx, command)
	if err != nil {
		t.Fatalf("the release before serves the file of this one: %v", err)
	}
	if p.ExitCode() == 0 || !strings.Contains(p.Stderr(), "newer ark-server wrote it") {
		t.Errorf("the release before ended with %d: %s", p.ExitCode(), p.Stderr())
	}

	f.Replace(t, 0, nil)
	f.Check(t, j, "after the release before has been tried")
	run("at-last")
}
