package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/internal/privatefile"
	"github.com/mckinsey/ark-server/internal/version"
)

// database checks the database, its settings, and the difference between the two clocks.
func (e *examination) database(ctx context.Context) {
	if e.storage == storageEtcd {
		e.clock(time.Time{}, 0)
		e.ok("database", "an external etcd: ask it with etcdctl endpoint status")
		return
	}
	began := time.Now()
	facts, err := e.look(ctx)
	if err != nil {
		e.clock(time.Time{}, 0)
		var untrusted *privatefile.UntrustedError
		if errors.As(err, &untrusted) && e.faulty("files") {
			return // that item reports it
		}
		e.bad("database", e.databaseFix(err), "%s", oneLine(err))
		return
	}
	// The server read its clock at about the middle of the call.
	took := time.Since(began)
	clock := facts.Clock
	if !clock.IsZero() {
		clock = clock.Add(took/2 - time.Since(e.now))
	}
	e.clock(clock, took/2)
	switch {
	case facts.Product == "":
		e.ok("database", "nothing is stored yet")
	case len(facts.Schema.Pending) > 0 && !e.dbMigrate:
		e.bad("database", "run ark-server migrate up as a user that may alter tables", "%s: schema version %d, and this release needs %d", facts.Product, facts.Schema.Version, facts.Schema.Known)
	case len(facts.Schema.Pending) > 0:
		e.ok("database", "%s: schema version %d, which the next start brings to %d", facts.Product, facts.Schema.Version, facts.Schema.Known)
	case e.heldByAnother():
	default:
		e.ok("database", "%s: revision %d, %s", facts.Product, facts.Revision, megabytes(facts.Bytes))
	}
	for _, warning := range facts.Warnings {
		e.bad("database", "change that setting of the database server", "%s", warning)
	}
}

const (
	// mostSkew is larger than the skew of synchronized clocks.
	mostSkew = 5 * time.Second
	// fileSkew is for files, whose times may come from the clock of another machine.
	fileSkew = 2 * time.Minute
)

// clock compares the local clock with the clock of the database server, which is known to within an
// uncertainty, with the newest write, and with the release date.
func (e *examination) clock(database time.Time, within time.Duration) {
	const fix = "set it: timedatectl set-ntp true, or the system's settings of date and time"
	newest, file := e.newestFile()
	built, _ := time.Parse(time.RFC3339, version.Date()) // the zero time if it is not known
	skew := e.now.Sub(database)
	switch {
	case !database.IsZero() && skew.Abs() > mostSkew+within:
		e.bad("clock", fix+"; here or on the database server", "it says %s, the database server's %s", e.now.UTC().Format(time.RFC3339), database.UTC().Format(time.RFC3339))
	case newest.After(e.now.Add(fileSkew)):
		e.bad("clock", fix, "it says %s, and %s was written at %s", e.now.UTC().Format(time.RFC3339), file, newest.UTC().Format(time.RFC3339))
	case built.After(e.now):
		e.bad("clock", fix, "it says %s, before this release was made (%s)", e.now.UTC().Format(time.RFC3339), built.Format(time.RFC3339))
	case !database.IsZero():
		e.ok("clock", "%s, as the database server's to within %s", e.now.UTC().Format(time.RFC3339), mostSkew+within.Round(time.Millisecond))
	default:
		e.ok("clock", "%s", e.now.UTC().Format(time.RFC3339))
	}
}

// newestFile returns the newest of the files that the server writes.
func (e *examination) newestFile() (newest time.Time, file string) {
	for _, path := range append(e.privateFiles(), filepath.Join(e.markFolder(), "database-server.mark")) {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(newest) {
			newest, file = info.ModTime(), path
		}
	}
	return newest, file
}
