package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// Backup copies the database at path, which a server may have open and write, into a
// new file: as it is at one moment, without the free space. progress, if not nil,
// hears every second how many bytes have been written. A backup that fails or
// is interrupted leaves no file called to. Errors say what is wrong and what to do, and
// name neither path.
func Backup(ctx context.Context, path, to string, progress func(int64)) (mvcc.State, error) {
	var st mvcc.State
	if _, err := os.Stat(path); err != nil {
		return st, fmt.Errorf("there is no database to back up: %w", err)
	}
	if version, err := identify(ctx, path); err != nil {
		return st, explain(err)
	} else if version == 0 {
		return st, errors.New("it is empty: there is nothing to back up")
	}
	if _, err := os.Lstat(to); err == nil {
		return st, errExists
	}
	if err := privatefile.CheckFolder(filepath.Dir(to)); err != nil {
		return st, err
	}
	// SQLite writes into a file that is there, private and empty, under a name that nobody
	// else can foresee.
	copied, err := privatefile.NewNamed(to)
	if errors.Is(err, os.ErrNotExist) {
		return st, fmt.Errorf("the backup's folder does not exist: create it with mkdir -p %s", filepath.Dir(to))
	}
	if err != nil {
		return st, explain(err)
	}
	defer copied.Close()
	if err := vacuumInto(ctx, path, copied.Temp(), progress); err != nil {
		return st, explain(err)
	}
	st, err = check(ctx, copied.Temp())
	if err == nil {
		err = noteComplete(ctx, copied.Temp())
	}
	if err != nil {
		return st, fmt.Errorf("check the copy: %w", err)
	}
	if err := copied.Link(); errors.Is(err, os.ErrExist) {
		return st, errExists
	} else if err != nil {
		return st, explain(err)
	}
	return st, nil
}

var errExists = errors.New("the backup's file exists: choose another name, or delete it first")

func vacuumInto(ctx context.Context, path, partial string, progress func(int64)) error {
	db, conn, err := connect(ctx, path, "query_only(0)")
	if err != nil {
		return err
	}
	defer db.Close()
	defer conn.Close()
	done := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(ctx, "VACUUM INTO ?", partial)
		done <- err
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if info, err := os.Stat(partial); err == nil && progress != nil {
				progress(info.Size())
			}
		}
	}
}

// noteComplete notes in a copy that it needs no write-ahead log.
func noteComplete(ctx context.Context, path string) error {
	db, conn, err := connect(ctx, path)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "UPDATE meta SET value = 1 WHERE name = ?", metaQuiet)
	return errors.Join(err, conn.Close(), db.Close())
}

// check reads a database that nobody has open from end to end.
func check(ctx context.Context, path string) (mvcc.State, error) {
	var st mvcc.State
	db, conn, err := connect(ctx, path, "query_only(1)")
	if err != nil {
		return st, err
	}
	defer db.Close()
	defer conn.Close()
	var verdict string
	if err := conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return st, err
	}
	if verdict != "ok" {
		return st, fmt.Errorf("it is damaged: %s", verdict)
	}
	if version, err := identify(ctx, path); err != nil || version >= markedVersion {
		if err == nil {
			err = checkRows(ctx, conn)
		}
		if err != nil {
			return st, err
		}
	}
	return readState(ctx, conn)
}
