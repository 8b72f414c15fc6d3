package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// vacuumInMemory bounds the databases that are put together in memory while they are written anew;
	// larger ones take a temporary file, as SQLite makes it.
	vacuumInMemory = 256 << 20
	// vacuumWait is how long readers may keep the write-ahead log from being emptied.
	vacuumWait = 10 * time.Second
)

// Vacuum writes the database anew and empties the write-ahead log, so that the files hold nothing
// any more of rows that were deleted or replaced. Writers wait meanwhile.
func (e *Engine) Vacuum(ctx context.Context) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.write(ctx, e.revokeQuiet); err != nil {
		return err
	}
	e.quiet, e.changed = false, true
	if fileSize(e.path) > vacuumInMemory {
		if _, err := e.writer.ExecContext(ctx, "PRAGMA temp_store = FILE"); err != nil {
			return fmt.Errorf("prepare to write the database anew: %w", err)
		}
		defer func() { _, _ = e.writer.ExecContext(context.Background(), "PRAGMA temp_store = MEMORY") }() // either will do
	}
	if _, err := e.writer.ExecContext(ctx, "VACUUM"); err != nil {
		return fmt.Errorf("write the database anew: %w", classify(err, false))
	}
	busy, err := checkpointWithin(e.writer, "TRUNCATE", vacuumWait)
	if err == nil && busy {
		err = errors.New("a reader holds it")
	}
	if err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", err)
	}
	e.checkpointer.written = 0
	return nil
}
