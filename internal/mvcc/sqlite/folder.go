package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// foldAfter is how much is written between two folds of the write-ahead log. A
// fold ends with an fsync of the database file, which those of the commits
// queue behind, so it should come seldom; the log then grows to about this size.
const foldAfter = 64 << 20

// folder copies the write-ahead log back into the database file from a
// connection of its own, while the writer goes on. What it cannot do is to begin
// the log anew: for that the log must be copied to its end, which only the
// writer can bring about. It does so in yield, when next to nothing is left to copy.
type folder struct {
	db      *sql.DB
	conn    *sql.Conn
	written int // since the last fold; writer only
	due     chan struct{}
	ready   atomic.Bool
	ended   chan struct{}
}

func startFolder(ctx context.Context, path, synchronous string) (*folder, error) {
	db, conn, err := connect(ctx, path, "synchronous("+synchronous+")", "checkpoint_fullfsync(1)", "wal_autocheckpoint(0)")
	if err != nil {
		return nil, err
	}
	f := &folder{db: db, conn: conn, due: make(chan struct{}, 1), ended: make(chan struct{})}
	go f.run()
	return f, nil
}

func (f *folder) run() {
	defer close(f.ended)
	for range f.due {
		// A failure, such as a full disk, leaves the log longer, and is met
		// again by the writer, who can tell somebody.
		if _, err := f.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)"); err == nil {
			f.ready.Store(true)
		}
	}
}

// wrote counts what a batch added to the log.
func (f *folder) wrote(b *mvcc.Batch) {
	f.written += 4096
	for _, c := range b.Commits {
		for _, ev := range c.Events {
			// The row and the page of the state table that it changes.
			f.written += len(ev.KV.Value) + len(ev.KV.Key) + 1024
		}
	}
	if f.written >= foldAfter {
		f.written = 0
		select {
		case f.due <- struct{}{}:
		default:
		}
	}
}

// yield lets the log begin anew if it has been folded. The writer calls it
// between transactions.
func (f *folder) yield(writer *sql.Conn) error {
	if !f.ready.Swap(false) {
		return nil
	}
	var busy, frames, folded int
	err := writer.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &frames, &folded)
	if err != nil && isNoSpace(err) {
		return nil // the write that follows will say so, if it needs the space
	}
	if err != nil {
		return fmt.Errorf("fold the write-ahead log: %w", err)
	}
	return nil
}

func (f *folder) stop() error {
	close(f.due)
	<-f.ended
	return errors.Join(f.conn.Close(), f.db.Close())
}
