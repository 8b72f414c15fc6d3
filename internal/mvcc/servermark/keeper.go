package servermark

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// fileName is the mark's, in its folder.
const fileName = "database-server.mark"

const (
	syncEvery = time.Second
	// warnEvery is how often the log says that a mark cannot be written.
	warnEvery = time.Minute
)

// Keeper writes the mark with each revision that the store publishes, before anybody is answered,
// so that it outlives the process, and makes it durable every second. Replicas of one database may
// share a folder: a mark is a lower bound, whoever wrote it.
//
// Its methods may be called from any goroutine.
type Keeper struct {
	path string
	log  *slog.Logger
	was  mark.Mark // as Open found it

	mu      sync.Mutex
	file    *mark.File // nil while it cannot be opened
	now     mark.Mark  // Store is 0 until Check has succeeded
	changed bool       // since the last sync
	warned  time.Time

	stop  chan struct{}
	ended sync.WaitGroup
}

// Open reads the mark in a folder, before the store is loaded: another replica may write the mark
// meanwhile. It changes nothing until Check has succeeded, and waits for the folder where it does
// not exist yet. Close ends it.
func Open(folder string, log *slog.Logger) (*Keeper, error) {
	k := &Keeper{path: filepath.Join(folder, fileName), log: log, stop: make(chan struct{})}
	if err := errors.Join(privatefile.CheckFolder(folder), privatefile.CheckFile(k.path)); err != nil {
		return nil, err
	}
	var err error
	k.was, err = mark.Read(k.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, mark.ErrDamaged):
		log.Warn("the mark of the database is damaged and will be written again: whether the database is an older copy cannot be told from it", "file", k.path)
	case err != nil:
		return nil, err
	}
	k.ended.Go(k.run)
	return k, nil
}

// Check compares what has been loaded from the engine with the mark: what Options.Loaded of a store
// is for. Its error is a LossError where the database is not what was there.
func (k *Keeper) Check(ctx context.Context, engine mvcc.Shared, st mvcc.State) error {
	if k.was.Store != 0 {
		if err := compare(ctx, engine, k.was, st, k.path); err != nil {
			return err
		}
	}
	newest, _, err := engine.SideFind(ctx, mvcc.SidePoint{})
	if err != nil {
		return fmt.Errorf("read the newest id of the side tables: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = markOf(mark.StoreID(st.Store), mvcc.Point{Revision: st.Revision, Batch: st.Batch}, newest)
	k.changed = true
	k.put()
	return nil
}

func markOf(store mark.StoreID, p mvcc.Point, s mvcc.SidePoint) mark.Mark {
	return mark.Mark{Store: store, Revision: p.Revision, Keys: mark.Unknown, Digest: uint64(p.Batch), Side: s.Newest, Writer: s.Writer}
}

// Published notes a revision that the database holds: what Options.Published of a store is for.
func (k *Keeper) Published(p mvcc.Point) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now.Store == 0 {
		return
	}
	k.note(markOf(k.now.Store, p, mvcc.SidePoint{Newest: k.now.Side, Writer: k.now.Writer}))
}

// SidePublished notes a batch of the side tables that the database holds: what
// Options.SidePublished of a store is for.
func (k *Keeper) SidePublished(p mvcc.SidePoint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now.Store == 0 {
		return
	}
	now := k.now
	now.Side, now.Writer = p.Newest, p.Writer
	k.note(now)
}

// note replaces the mark. The caller holds mu.
func (k *Keeper) note(now mark.Mark) {
	k.now, k.changed = now, true
	if k.file != nil {
		k.failed(k.file.Put(k.now))
	}
}

// Close makes the mark durable.
func (k *Keeper) Close() error {
	close(k.stop)
	k.ended.Wait()
	k.sync()
	if k.file == nil {
		return nil
	}
	return k.file.Close()
}

func (k *Keeper) run() {
	ticker := time.NewTicker(syncEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			k.sync()
		case <-k.stop:
			return
		}
	}
}

// sync makes the mark durable, if there is anything new.
func (k *Keeper) sync() {
	k.mu.Lock()
	if k.now.Store == 0 || !k.changed {
		k.mu.Unlock()
		return
	}
	k.put()
	file := k.file
	k.changed = file == nil
	k.mu.Unlock()
	if file == nil {
		return
	}
	if err := file.Sync(); err != nil { // without keeping the writer waiting
		k.mu.Lock()
		k.failed(err)
		k.mu.Unlock()
	}
}

// put writes the mark to the file, which it opens if need be. The caller holds mu.
func (k *Keeper) put() {
	if k.file != nil && !k.file.InPlace() {
		_ = k.file.Close() // it is gone
		k.file = nil
	}
	folder := filepath.Dir(k.path)
	fresh := k.file == nil
	if fresh {
		if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
			return // the folder is made by those whose it is
		}
		file, err := mark.Open(k.path)
		if err != nil {
			k.failed(err)
			return
		}
		k.file = file
	}
	err := k.file.Put(k.now)
	if fresh {
		err = errors.Join(err, privatefile.SyncFolder(folder))
	}
	k.failed(err)
}

// failed logs that the mark cannot be written: the one before still holds. The caller holds mu.
func (k *Keeper) failed(err error) {
	if err == nil || time.Since(k.warned) < warnEvery {
		return
	}
	k.warned = time.Now()
	k.log.Warn("the mark of the database cannot be written: a start on an older copy of it would not be noticed", "error", err)
}
