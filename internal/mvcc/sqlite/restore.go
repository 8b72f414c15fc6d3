package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// ErrSameFile is Restore's answer where there is nothing to copy. Bump moves the counter on in
// place.
var ErrSameFile = errors.New("the backup and the database are the same file")

// Restore puts a copy of the backup from in the place of the database at path and
// moves its counter on by bump revisions, at least 1, so that it is past all
// that the database lost has handed out (docs/operations/backup.md). A database that
// is there is moved aside first, to the name returned; a server that has it
// open keeps Restore out. Errors say what is wrong and what to do.
//
// secondMark is that of Options. Revisions that the marks know are passed too.
func Restore(ctx context.Context, from, path, secondMark string, bump int64) (st mvcc.State, aside string, err error) {
	if _, err := os.Stat(from); err != nil {
		return st, "", fmt.Errorf("there is no backup: %w", err)
	}
	if version, err := identify(ctx, from); err != nil {
		return st, "", fmt.Errorf("the backup: %w", explain(err))
	} else if version == 0 {
		return st, "", errors.New("the backup is empty")
	}
	if same(from, path) {
		return st, "", ErrSameFile
	}
	locked, err := lock(path)
	if err != nil {
		return st, "", explain(err)
	}
	defer locked.Close()
	if err := trust(path); err != nil {
		return st, "", err
	}
	restored, err := privatefile.New(path)
	if err != nil {
		return st, "", explain(err)
	}
	defer restored.Close()
	// Pages, not bytes: what a write-ahead log beside the backup holds is part of it.
	if err := copyPages(ctx, from, restored.File, nil); err != nil {
		return st, "", explain(fmt.Errorf("copy the backup: %w", err))
	}
	held, store, err := checkCopy(ctx, restored.File)
	if err != nil {
		return st, "", fmt.Errorf("the backup cannot be used: %w", err)
	}
	next, err := rows.MoveOn(held.Revision, bump)
	if err != nil {
		return st, "", err
	}
	paths := markPaths(path, secondMark)
	past := newestMark(paths)
	at := mark.Mark{Store: store, Revision: max(next, past.Revision+1), Keys: mark.Unknown}
	if aside, err = moveAside(path); err != nil {
		return st, "", fmt.Errorf("move the old database aside: %w", err)
	}
	// Until the counter has moved on, the marks keep a server from what is there: whatever
	// ends the process now, Restore can be run again.
	if err := remember(paths, at); err != nil {
		return st, aside, fmt.Errorf("note where the counter is to go: %w", explain(err))
	}
	if err := restored.Link(); err != nil {
		return st, aside, explain(err)
	}
	if st, at, err = bumpFile(ctx, path, bump, past, false); err != nil {
		return st, aside, fmt.Errorf("move the counter on: %w", explain(err))
	}
	return st, aside, remember(paths, at)
}

// Bump moves the counter of a database that no server has open on by some
// revisions, at least 1: everything before is compacted, so no watch or list from
// before can be resumed, and no revision is handed out twice.
func Bump(ctx context.Context, path, secondMark string, by int64) (mvcc.State, error) {
	return skip(ctx, path, secondMark, by, false)
}

// Begin is Bump for a store that has never been written: its first revision follows the number. Any
// other is left as it is.
func Begin(ctx context.Context, path string, by int64) (mvcc.State, error) {
	return skip(ctx, path, "", by, true)
}

func skip(ctx context.Context, path, secondMark string, by int64, onlyNew bool) (mvcc.State, error) {
	var st mvcc.State
	if _, err := os.Stat(path); err != nil {
		return st, fmt.Errorf("there is no database: %w", err)
	}
	if fileSize(path) == 0 {
		return st, errors.New("there is no database: the file is empty")
	}
	if _, err := identify(ctx, path); err != nil {
		return st, explain(err)
	}
	held, err := lock(path)
	if err != nil {
		return st, explain(err)
	}
	defer held.Close()
	paths := markPaths(path, secondMark)
	st, at, err := bumpFile(ctx, path, by, newestMark(paths), onlyNew)
	if err != nil {
		return st, explain(err)
	}
	return st, remember(paths, at)
}

// newestMark is the newest revision, and the newest id of the side tables, that marks know.
func newestMark(paths []string) (newest mark.Mark) {
	for _, path := range paths {
		if m, err := mark.Read(path); err == nil {
			newest.Revision, newest.Side = max(newest.Revision, m.Revision), max(newest.Side, m.Side)
		}
	}
	return newest
}

// remember writes marks that were not kept up to date by an engine.
func remember(paths []string, at mark.Mark) error {
	m := marks{paths: paths, log: slog.Default()}
	m.start(at)
	err := m.written()
	m.close()
	return err
}

// bumpFile moves the counter on, past a mark at least, and the ids of the side tables too. The
// revisions left out count as compacted and pruned; rows that pruning would have deleted go first.
func bumpFile(ctx context.Context, path string, by int64, past mark.Mark, onlyNew bool) (mvcc.State, mark.Mark, error) {
	e := newEngine(path, Options{})
	if err := e.open(ctx, Options{}); err != nil {
		return mvcc.State{}, mark.Mark{}, errors.Join(err, e.Close())
	}
	st, err := e.State(ctx)
	at := func() mark.Mark {
		return mark.Mark{Store: e.store, Revision: st.Revision, Keys: mark.Unknown, Side: e.side.newest}
	}
	if err == nil && onlyNew && st.Revision > 1 {
		return st, at(), e.Close()
	}
	var next int64
	if err == nil {
		next, err = rows.MoveOn(st.Revision, by)
	}
	if err == nil {
		_, err = e.Prune(ctx, st.Pruned, st.Revision)
	}
	if err == nil {
		st.Revision = max(next, past.Revision+1)
		st.Compacted, st.Pruned = st.Revision, st.Revision
		e.changed = true
		err = e.write(ctx, func() error {
			for _, name := range []string{metaCompacted, metaPruned} {
				if err := e.set(name, st.Revision); err != nil {
					return err
				}
			}
			e.side.newest = mvcc.SideID(max(e.side.newest, past.Side), time.Now()) + mvcc.SideBump
			return errors.Join(e.set(metaSide, e.side.newest), e.revokeQuiet())
		})
		e.quiet = false
	}
	return st, at(), errors.Join(err, e.Close())
}

func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// moveAside renames a database with what belongs to it, so that nothing of it can be
// taken for the new one's.
func moveAside(path string) (string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	aside := ""
	for i := 1; ; i++ {
		aside = fmt.Sprintf("%s.replaced-%d", path, i)
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	// The database goes last: an interruption before leaves it at its place with its
	// write-ahead log under the new name, and the next try moves the rest.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return filepath.Clean(aside), nil
}
