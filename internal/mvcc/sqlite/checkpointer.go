package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	// idleAfter is how long after the last write everything is copied into the database
	// file, and checkpointEvery how long at most while writes go on: so a copy of the file
	// alone lacks no more than that.
	idleAfter       = time.Second
	checkpointEvery = 10 * time.Second
	// markEvery is how often marks are made durable while writes go on.
	markEvery = time.Second
	// pace is how often the checkpointer looks at the time while there is something to do.
	pace = 200 * time.Millisecond
	// restartPause is how long after a reader has kept the write-ahead log from beginning
	// anew that is tried again.
	restartPause = time.Second
	// longLog is how many times its usual bound the write-ahead log may have before
	// somebody is told that a reader keeps it from beginning anew.
	longLog = 4
)

// checkpointer copies the write-ahead log back into the database file from a connection of
// its own, while the writer goes on. What it cannot do is to begin the log anew under
// load: for that the log must be copied to its end, which only the writer can bring
// about. It does so in restart, when next to nothing is left to copy.
//
// It also makes marks durable, and notes in the file when it has everything.
type checkpointer struct {
	e    *Engine
	db   *sql.DB
	conn *sql.Conn

	// limit bounds the write-ahead log, in bytes.
	limit atomic.Int64
	// written is about what the log has grown by since the last checkpoint that this
	// asked for; retry is when to try a restart again. Writer only.
	written int64
	retry   time.Time

	signal    chan struct{}
	awake     atomic.Bool  // there may be something to do
	urgent    atomic.Bool  // a checkpoint is due now
	lastWrite atomic.Int64 // Unix nanoseconds
	ready     atomic.Bool  // the writer should begin the log anew
	warned    time.Time

	stopping chan struct{}
	running  sync.WaitGroup
}

func startCheckpointer(ctx context.Context, e *Engine, synchronous string) (*checkpointer, error) {
	db, conn, err := connect(ctx, e.path, "synchronous("+synchronous+")", "checkpoint_fullfsync(1)", "wal_autocheckpoint(0)")
	if err != nil {
		return nil, err
	}
	c := &checkpointer{e: e, db: db, conn: conn, signal: make(chan struct{}, 1), stopping: make(chan struct{})}
	c.limit.Store(walBound(e.path))
	c.running.Go(c.run)
	return c, nil
}

func (c *checkpointer) run() {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	var checkpointed, marked time.Time
	for {
		ticks := tick.C
		if !c.awake.Load() {
			ticks = nil
		}
		select {
		case <-c.signal:
		case <-ticks:
		case <-c.stopping:
			return
		}
		now := time.Now()
		idle := now.Sub(time.Unix(0, c.lastWrite.Load())) >= idleAfter
		switch {
		case c.urgent.Swap(false), !idle && now.Sub(checkpointed) >= checkpointEvery:
			checkpointed = now
			// A failure, such as a full disk, leaves the log longer, and is met
			// again by the writer, who can tell somebody.
			if c.checkpoint() == nil {
				c.ready.Store(true)
			}
		case idle:
			// A write from here on wakes the checkpointer again.
			c.awake.Store(false)
			if err := c.settle(); err != nil {
				c.lastWrite.Store(now.UnixNano()) // try again in a while
				c.awake.Store(true)
			}
			checkpointed, marked = now, now
			continue
		}
		if now.Sub(marked) >= markEvery {
			marked = now
			c.e.marks.sync()
			c.e.reserve.take()
		}
	}
}

// settle brings everything into the database file, and notes there that it has.
func (c *checkpointer) settle() error {
	if err := c.checkpoint(); err != nil {
		return err
	}
	if err := c.e.setQuiet(); err != nil {
		return err
	}
	err := c.checkpoint()
	c.e.marks.sync()
	c.e.reserve.take()
	return err
}

// checkpoint copies what it can without waiting for anybody.
func (c *checkpointer) checkpoint() error {
	done := c.e.marks.checkpointing()
	var busy, frames, copied int
	scan := func() error {
		return c.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &copied)
	}
	err := scan()
	if err != nil && isNoSpace(err) {
		c.e.reserve.release()
		err = scan()
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	done()
	limit := walBound(c.e.path)
	c.limit.Store(limit)
	if info, err := os.Stat(c.e.path + "-wal"); err == nil && info.Size() > longLog*limit && copied < frames && time.Since(c.warned) > time.Minute {
		c.warned = time.Now()
		c.e.log.Warn("a program that reads the database keeps its write-ahead log from beginning anew: end that program, or its transaction",
			"database", c.e.path, "bytes", info.Size())
	}
	return nil
}

// wrote counts what a batch added to the log. first says that it is the first since
// everything was in the file.
func (c *checkpointer) wrote(b *mvcc.Batch, keys int64, first bool) {
	c.grew(walBytes(b, keys), first)
}

func (c *checkpointer) grew(bytes int64, first bool) {
	c.written += bytes
	c.lastWrite.Store(time.Now().UnixNano())
	if c.written >= c.limit.Load() || first {
		c.written = 0
		c.urgent.Store(true)
		c.awake.Store(true)
		c.wake()
	} else if c.awake.CompareAndSwap(false, true) {
		c.wake()
	}
}

// changed counts what the change or removal of rows added to the log.
func (c *checkpointer) changed(rows int64) {
	c.grew(rows*frameSize/2+2*frameSize, c.e.quiet)
	c.e.quiet = false
}

func (c *checkpointer) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// restart lets the log begin anew if it has been copied. The writer calls it
// between transactions. A reader of the log keeps it from that; the writer does not
// wait for it.
func (c *checkpointer) restart(writer *sql.Conn) error {
	if !c.ready.Load() || !c.retry.IsZero() && time.Now().Before(c.retry) {
		return nil
	}
	c.ready.Store(false)
	c.retry = time.Time{}
	busy, err := checkpointWithin(writer, "RESTART", 0)
	if err != nil && isNoSpace(err) {
		return nil // the write that follows will say so, if it needs the space
	}
	if err != nil {
		return fmt.Errorf("restart the write-ahead log: %w", err)
	}
	if busy {
		c.retry = time.Now().Add(restartPause)
		c.ready.Store(true)
	}
	return nil
}

// checkpointWithin runs a checkpoint of a mode that waits for readers, for a time at most.
func checkpointWithin(conn *sql.Conn, mode string, wait time.Duration) (busy bool, err error) {
	ctx := context.Background()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout(%d)", wait.Milliseconds())); err != nil {
		return false, err
	}
	var isBusy, frames, copied int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&isBusy, &frames, &copied)
	_, back := conn.ExecContext(ctx, busyTimeout)
	return isBusy != 0, errors.Join(err, back)
}

// halt ends the goroutine. settle, with what it writes, may follow.
func (c *checkpointer) halt() {
	close(c.stopping)
	c.running.Wait()
}

func (c *checkpointer) close() error { return errors.Join(c.conn.Close(), c.db.Close()) }
