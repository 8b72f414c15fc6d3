package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// Backup copies the database at path, which a server may have open and write, into a
// new file: as it is at one moment, with holes for its free space. progress, if not nil,
// hears every second how many bytes have been written. A backup that fails or
// is interrupted leaves no file called to; on Linux, where a file can be without a name, a
// process that is killed leaves nothing at all. Errors say what is wrong and what to do, and
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
	copied, err := privatefile.New(to)
	if errors.Is(err, os.ErrNotExist) {
		return st, fmt.Errorf("the backup's folder does not exist: create it with mkdir -p %s", filepath.Dir(to))
	}
	if err != nil {
		return st, explain(err)
	}
	defer copied.Close()
	if err := copyPages(ctx, path, copied.File, progress); err != nil {
		return st, explain(err)
	}
	if st, _, err = checkCopy(ctx, copied.File); err != nil {
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
