package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// The scrubber reads a few rows at a time, with a pause after each step that bounds what it
// takes of the disk and the processor.
const (
	scrubRows  = 128
	scrubBytes = 1 << 20
	scrubPause = 250 * time.Millisecond
	// scrubDelay leaves the start alone, and scrubEvery is how long after one pass the
	// next begins.
	scrubDelay = 15 * time.Second
	scrubEvery = 24 * time.Hour
)

// scrubber reads the whole log and all side rows in the background, slowly, and again every day: it
// compares each row with its checksum, and adds one to rows that have none yet.
type scrubber struct {
	e       *Engine
	end     context.CancelFunc
	running sync.WaitGroup

	rows      atomic.Int64 // checked since the start
	progress  atomic.Int64 // of the pass, in thousandths
	completed atomic.Int64 // Unix seconds
	mu        sync.Mutex
	damaged   map[string]bool // rows, as they were met
}

func startScrubber(e *Engine) *scrubber {
	ctx, end := context.WithCancel(context.Background())
	s := &scrubber{e: e, end: end, damaged: map[string]bool{}}
	s.running.Go(func() {
		for wait := scrubDelay; pause(ctx, wait); wait = scrubEvery {
			if err := s.pass(ctx, scrubPause); err != nil && ctx.Err() == nil {
				e.log.Error("the check of the database in the background has failed: have the whole database checked", "error", err)
			}
		}
	})
	return s
}

// pause reports whether the time has passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// pass checks every row once.
func (s *scrubber) pass(ctx context.Context, between time.Duration) error {
	s.progress.Store(0)
	for at := int64(0); ; {
		newest := s.e.newest.Load()
		read, err := readRows(ctx, s.e.readers, at, scrubRows)
		if err != nil {
			return err
		}
		var bare []fullRow
		for i := range read {
			r := &read[i]
			switch {
			case r.sum == 0:
				bare = append(bare, *r)
			case r.sum != r.want():
				s.met(damagedRow{id: r.ID, key: r.Key, why: "does not match its checksum"})
			}
			at = r.ID
		}
		if len(bare) > 0 {
			if err := s.e.seal(ctx, bare); err != nil {
				return err
			}
		}
		s.rows.Add(int64(len(read)))
		if len(read) == 0 {
			break
		}
		s.progress.Store(min(rows.Revision(at)*1000/max(newest, 1), 1000))
		if !pause(ctx, between) {
			return ctx.Err()
		}
	}
	if err := s.passSide(ctx, between); err != nil {
		return err
	}
	s.progress.Store(1000)
	s.completed.Store(time.Now().Unix())
	return nil
}

// passSide checks every side row once.
func (s *scrubber) passSide(ctx context.Context, between time.Duration) error {
	for at := int64(0); ; {
		read, err := readSide(ctx, s.e.readers, at, scrubRows)
		if err != nil || len(read) == 0 {
			return err
		}
		for i := range read {
			r := &read[i]
			if !r.intact() {
				s.met(r.damaged())
			}
			at = r.ID
		}
		s.rows.Add(int64(len(read)))
		if !pause(ctx, between) {
			return ctx.Err()
		}
	}
}

// met counts and logs a damaged row, once.
func (s *scrubber) met(r damagedRow) {
	if s == nil {
		return
	}
	s.mu.Lock()
	text := r.String()
	known := s.damaged[text]
	s.damaged[text] = true
	s.mu.Unlock()
	if known {
		return
	}
	where := []any{"database", s.e.path, "key", string(r.key)}
	if r.side != "" {
		where = append(where, "table", r.side, "row", r.id)
	} else {
		where = append(where, "revision", rows.Revision(r.id))
	}
	s.e.log.Error("the database is damaged: "+text+": restore a backup; a check of the whole database lists all damage", where...)
}

func (s *scrubber) stop() {
	s.end()
	s.running.Wait()
}

// CheckStats implements mvcc.Checked.
func (e *Engine) CheckStats() mvcc.CheckStats {
	s := e.scrubber
	if s == nil {
		return mvcc.CheckStats{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := mvcc.CheckStats{Rows: s.rows.Load(), Damaged: len(s.damaged), Progress: float64(s.progress.Load()) / 1000}
	if at := s.completed.Load(); at > 0 {
		st.Completed = time.Unix(at, 0)
	}
	return st
}

// seal adds the checksums of rows that have none.
func (e *Engine) seal(ctx context.Context, bare []fullRow) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	err := e.write(ctx, func() error {
		for i := range bare {
			r := &bare[i]
			if _, err := e.sealRow.exec(named.Arg("checksum", r.want()), named.Arg("id", r.ID)); err != nil {
				return fmt.Errorf("add a checksum to revision %d: %w", rows.Revision(r.ID), err)
			}
		}
		return e.revokeQuiet()
	})
	if errors.Is(err, mvcc.ErrNoSpace) {
		return nil // the next pass tries again
	}
	if err == nil {
		e.checkpointer.changed(int64(len(bare)))
	}
	return err
}

// fullRow is a row of the log with all its columns.
type fullRow struct {
	row
	writer
}

func (r *fullRow) columns() named.Columns {
	list := append(r.row.columns("l"), named.Of("l", "at", &r.at))
	for _, t := range rows.Actor(&r.actor) {
		list = append(list, named.Col("coalesce(l."+t.Name+", '')", t.Value))
	}
	return list
}

// want is the checksum that the row should have.
func (r *fullRow) want() int64 {
	var buffer []byte
	return checksum(r.dataSum(), r.writer.crc(&buffer))
}

// readRows reads some rows of the log after an id, none if there are none.
func readRows(ctx context.Context, db querier, after int64, limit int) ([]fullRow, error) {
	found, err := db.QueryContext(ctx, scrubQuery.Text, scrubQuery.Args(named.Arg("after", after), named.Arg("most", limit))...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var read []fullRow
	var r fullRow
	into := r.columns().Into()
	for bytes := 0; bytes < scrubBytes && found.Next(); {
		if err := found.Scan(into...); err != nil {
			return nil, err
		}
		read = append(read, r)
		bytes += len(r.Value)
	}
	return read, found.Err()
}
