package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc/mark"
)

// The structure of the file is checked at the start where that takes less than a second:
// up to this size on usual machines, and for that time on others.
const (
	structureBytes = 160 << 20
	structureTime  = time.Second
)

// finding is what the files hold before anything touches them.
type finding struct {
	// present is false where there is no database, or an empty file.
	present bool
	version int
	// store is 0 for a database from before there were marks.
	store mark.StoreID
	quiet bool
	// revision is the newest; rows may be missing up to pruned.
	revision, pruned int64
	// side is the newest id of the side tables.
	side int64
}

// remembered is a mark with the name of its file.
type remembered struct {
	mark.Mark
	file string
}

// inspect reads the marks and then the database, which it leaves as it is, and checks its
// structure. It opens the guard.
func (e *Engine) inspect(ctx context.Context) (finding, error) {
	var have finding
	for _, path := range e.marks.paths {
		m, err := mark.Read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, mark.ErrDamaged):
			e.log.Warn("a mark of the database is damaged and will be written again: whether the latest writes are there cannot be told from it", "file", path)
		case err != nil:
			return have, err
		default:
			e.remembered = append(e.remembered, remembered{m, filepath.Base(path)})
		}
	}
	if fileSize(e.path) == 0 {
		return have, nil
	}
	var err error
	if e.guard, err = connectReadOnly(ctx, e.path); err != nil {
		return have, err
	}
	if version, err := e.guard.identify(ctx); err != nil || version == 0 {
		return have, err
	}
	if err := e.guard.checkStructure(ctx, e.path); err != nil {
		return have, err
	}
	return e.guard.find(ctx)
}

// find reads what a database says of itself.
func (c *connection) find(ctx context.Context) (have finding, err error) {
	if have.version, err = c.identify(ctx); err != nil || have.version == 0 {
		return have, err
	}
	have.present = true
	st, err := readState(ctx, c)
	if err != nil {
		return have, err
	}
	have.revision, have.pruned = st.Revision, st.Pruned
	if have.version >= markedVersion {
		var id identity
		id, err = readIdentity(ctx, c)
		have.store, have.quiet = mark.StoreID(id.store), id.quiet
		if err == nil && !have.quiet {
			have.quiet, err = needsNoLog(ctx, c)
		}
	}
	if err == nil && have.version >= sideVersion {
		have.side, err = readSideNewest(ctx, c)
	}
	return have, err
}

// needsNoLog reports whether the file is complete by itself, as a backup is: a database in
// use has the mode of write-ahead logs.
func needsNoLog(ctx context.Context, db querier) (bool, error) {
	page, err := readPage(ctx, db, 1)
	return err == nil && page[headerReadMode] == modeRollback, err
}

// sound is quickCheck's verdict of a file whose structure is as it should be.
const sound = "ok"

// quickCheck looks for the first damage of the file's structure.
func (c *connection) quickCheck(ctx context.Context) (verdict string, err error) {
	err = c.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	return verdict, err
}

// checkStructure looks for damage of the file's structure, for a second at most.
func (c *connection) checkStructure(ctx context.Context, path string) error {
	if fileSize(path) > structureBytes {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, structureTime)
	defer cancel()
	verdict, err := c.quickCheck(within)
	switch {
	case err != nil && within.Err() != nil && ctx.Err() == nil:
		return nil // the machine is slow
	case err != nil:
		return err
	case verdict != sound:
		return structureError(verdict)
	}
	return nil
}

// structureFix is for damage that is more than some rows.
const structureFix = "put back what was replaced, restore a backup, or move the database and its -wal away to begin without them"

func structureError(verdict string) error {
	return &CorruptError{What: fmt.Sprintf("it is damaged (%s): %s", verdict, structureFix)}
}

// LossError is Open's answer where writes that were acknowledged are missing.
// Options.AcceptDataLoss goes on without them.
type LossError struct {
	// Store is what the data was lost of, as far as it is known.
	Store mark.StoreID
	what  string
}

func (l *LossError) Error() string {
	return fmt.Sprintf("acknowledged writes are missing: %s: put back what was removed or replaced, or restore a backup", l.what)
}

// losses are the contradictions between what is there and what is remembered.
func (have finding) losses(path string, marks []remembered) []*LossError {
	var losses []*LossError
	base := filepath.Base(path)
	add := func(store mark.StoreID, format string, args ...any) {
		losses = append(losses, &LossError{store, fmt.Sprintf(format, args...)})
	}
	log := fileSize(path + "-wal")
	if !have.present && log > 0 {
		store := mark.StoreID(0)
		if len(marks) > 0 {
			store = marks[0].Store
		}
		add(store, "the write-ahead log %s-wal is there without the database that it belongs to", base)
	}
	known := false
	for _, m := range marks {
		switch why := m.Contradicts(have.store, have.revision, have.side); {
		case have.present && have.version < markedVersion:
			add(m.Store, "it is of an older release than the database that was here, store %s at revision %d", m.Store, m.Revision)
		case why == "":
			known = true
		case have.present && log == 0 && !have.quiet && have.store == m.Store:
			add(m.Store, "%s (by %s), and the write-ahead log %s-wal is missing", why, m.file, base)
		default:
			add(m.Store, "%s (by %s)", why, m.file)
		}
	}
	if have.store != 0 && !have.quiet && log == 0 && !known && len(losses) == 0 {
		add(have.store, "it was being written when it was copied, or its write-ahead log %s-wal has been removed since", base)
	}
	return losses
}

// accepts reports whether the store that the user has named is one of those.
func accepts(store *mark.StoreID, losses []*LossError) bool {
	for _, l := range losses {
		if store != nil && *store == l.Store {
			return true
		}
	}
	return false
}
