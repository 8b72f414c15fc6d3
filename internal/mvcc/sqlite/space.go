package sqlite

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mckinsey/ark-server/internal/diskspace"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// reserveSuffix is what the name of the reserve adds to the database's.
const reserveSuffix = ".reserve"

const (
	pageSize  = 8192
	frameSize = pageSize + 24

	// A checkpoint ends with an fsync of the database file, which those of the commits queue
	// behind, so it should come seldom: the write-ahead log may become as large as the
	// database, or as walRoomy where that is no more than a 16th of the free space. It never
	// takes more than a quarter of that, but half the reserve: a checkpoint that needs the
	// reserve must fit it, also if the log outgrows its bound meanwhile.
	walRoomy   = 64 << 20
	walCeiling = 192 << 20

	// The reserve is a file of a 64th of the disk, within these bounds and an eighth of a very
	// small one, that is given up to let a checkpoint finish on a full disk. reserveMargin is
	// what has to be free besides before it is taken again.
	reserveFloor   = 4 << 20
	reserveCeiling = 16 << 20
	reserveMargin  = 512 << 10

	// truncateWait is how long a checkpoint on a full disk waits for readers.
	truncateWait = 500 * time.Millisecond
)

// walBytes is about what a batch adds to the write-ahead log: the pages at the end of the
// log table, the pages of the state table that it changes, and one above.
func walBytes(b *mvcc.Batch, keys int64) int64 {
	bytes, events := 0, 0
	for _, c := range b.Commits {
		for _, ev := range c.Events {
			bytes += len(ev.KV.Value) + len(ev.KV.Key) + 256
			events++
		}
	}
	const keysOfPage = 400
	pages := 2 + bytes/pageSize + min(events, int(keys/keysOfPage)+1) + (len(b.Leases)+len(b.RevokedLeases))/keysOfPage
	return int64(pages) * frameSize
}

// walBound is how large the write-ahead log of a database may become now.
func walBound(path string) int64 {
	size := fileSize(path)
	total, free := diskspace.Of(path)
	if free >= 0 {
		size = min(max(size, min(free/16, walRoomy)), free/4)
	}
	return min(max(size, reserveSize(total)/2), walCeiling)
}

// reserveSize is for a disk of a size, or of one that is not known.
func reserveSize(total int64) int64 {
	size := min(max(total/64, reserveFloor), reserveCeiling)
	if total > 0 {
		size = min(size, total/8)
	}
	return size
}

// reserve is a file that keeps space on the disk for the moment when there is none left. Its
// content means nothing.
type reserve struct {
	path string
	mu   sync.Mutex
	held bool
}

// take allocates the space, unless it is held, and reports whether there was room for it.
func (r *reserve) take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		return true
	}
	total, free := diskspace.Of(r.path)
	size := reserveSize(total)
	if info, err := os.Lstat(r.path); err == nil && info.Mode().IsRegular() && info.Size() == size {
		r.held = true
		return true
	}
	if free >= 0 && free < size+reserveMargin {
		return false
	}
	if err := fill(r.path, size); err != nil {
		_ = os.Remove(r.path) // no reserve is better than a part of one
		if isNoSpace(err) {
			return false
		}
		// Without a reserve the server works, too.
	}
	r.held = true
	return true
}

func fill(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	// Data would have to be written back beside the commits.
	if err = allocate(f, size); errors.Is(err, errors.ErrUnsupported) {
		zeros := make([]byte, 256<<10)
		err = nil
		for at := int64(0); at < size && err == nil; at += int64(len(zeros)) {
			_, err = f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		}
	}
	return errors.Join(err, f.Close())
}

// release gives the space up.
func (r *reserve) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = false
	_ = os.Remove(r.path) // if it cannot be removed, the disk stays as full as it is
}

// makeRoom brings all of the write-ahead log into the database file, with the help of the
// reserve, and gives its space back. It reports whether the reserve could be taken again. The
// writer calls it between transactions.
func (e *Engine) makeRoom() bool {
	e.reserve.release()
	busy, err := checkpointWithin(e.writer, "TRUNCATE", truncateWait)
	if err == nil && !busy {
		e.checkpointer.written = 0
	}
	return e.reserve.take()
}

// withRoom runs a transaction of the writer, and again when the disk is full and
// the write-ahead log has been emptied. What grows the database must leave the reserve
// alone; what only makes room in it may use the reserve.
func (e *Engine) withRoom(shrinks bool, write func() error) error {
	if !shrinks && !e.reserve.take() && !e.makeRoom() {
		return fmt.Errorf("%w: what is left is kept for deletes", mvcc.ErrNoSpace)
	}
	err := write()
	if !errors.Is(err, mvcc.ErrNoSpace) {
		return err
	}
	if e.makeRoom() || shrinks {
		err = write()
	}
	if shrinks && errors.Is(err, mvcc.ErrNoSpace) {
		e.reserve.release()
		err = write()
		e.makeRoom()
	}
	return err
}

// tinyValue is that of bookkeeping, such as the API server's note of its last compaction, which
// must go on for rows to be deleted at all. No object is that small.
const tinyValue = 64

// shrinks reports whether a batch only deletes, or is bookkeeping.
func shrinks(b *mvcc.Batch) bool {
	for _, c := range b.Commits {
		for _, ev := range c.Events {
			if ev.Type != mvcc.EventDelete && len(ev.KV.Value) > tinyValue {
				return false
			}
		}
	}
	return true
}

// fileSize is 0 for a file that is not there, too.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// sideBytes is about what side rows add to the write-ahead log: pages at the end of their table and
// of the index by time, and one of the index by key for each row.
func sideBytes(rows, bytes int64) int64 { return (4 + bytes/pageSize + rows + rows/100) * frameSize }
