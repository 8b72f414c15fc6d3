package memengine

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// Database is what engines keep their data in. Safe for concurrent use.
type Database struct {
	opts Options
	// counter holds a token while a session has the turn. Those that wait get it in the order in
	// which they came.
	counter chan struct{}

	mu sync.Mutex
	contents
	holder     *session
	commits    int64         // counts what Await reports
	changed    chan struct{} // closed when commits grows
	maintainer *Replica
	until      time.Time // end of the maintainer's hold
}

// Options of a Database; the zero value of each field asks for its default.
type Options struct {
	// Now is the database's clock. Default: time.Now.
	Now func() time.Time
	// Page is how many events or keys go in one request. Default: 1,024.
	Page int
	// Committed is called with each batch when it takes effect, in the order of commits, while
	// the database is locked. Default: none.
	Committed func(*mvcc.Batch)
	// SideCommitted is the same for batches of the side tables, with their results.
	SideCommitted func(*mvcc.SideBatch)
	// SideOps is how many ops of a batch go in one transaction of the side tables. Default: all.
	SideOps int
}

// patience is how long a request waits for the counter.
const patience = 10 * time.Second

// New returns an empty database, at revision 1.
func New(opts Options) *Database {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Page <= 0 {
		opts.Page = 1024
	}
	return &Database{
		opts:    opts,
		counter: make(chan struct{}, 1),
		contents: contents{
			Position: mvcc.Position{Revision: 1},
			store:    (1 + rand.Int64N(1<<40)) << 16,
			live:     map[string]int64{}, leases: map[mvcc.LeaseID]lease{}, writers: map[int64]int64{},
			side: side{batches: map[int64]sideRecord{}},
		},
		changed: make(chan struct{}),
	}
}

// Reading is what a look at the counter shows.
func (d *Database) Reading() mvcc.Reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reading()
}

func (d *Database) reading() mvcc.Reading {
	return mvcc.Reading{Position: d.Position, Batch: d.batch(d.Revision), Compacted: d.compacted, Pruned: d.pruned, Now: d.opts.Now()}
}

// Backup returns a copy of the contents.
func (d *Database) Backup() *Backup {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Backup{d.contents.copy()}
}

// Backup is a copy of a database's contents at one moment.
type Backup struct{ contents contents }

// Restore puts a backup's contents in the place of the database's: the database goes back, as
// after a fail-over to a standby that lacks commits. A turn ends without a commit; nobody is told.
func (d *Database) Restore(b *Backup) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.holder != nil {
		d.end(d.holder)
	}
	d.contents = b.contents.copy()
}

// Bump moves the revision on by a number; the revisions left out, and all before them, count as
// compacted and pruned. It is what "ark-server restore --bump-revision" does.
func (d *Database) Bump(by int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.prune(d.pruned, d.Revision)
	d.Revision += by
	d.Change++
	d.store++
	d.compacted, d.pruned, d.unrecorded = d.Revision, d.Revision, d.Revision
	d.side.newest = mvcc.SideID(d.side.newest, d.opts.Now()) + mvcc.SideBump
}

// ForgetLeases deletes what is remembered of leases that have ended: a replica that has not
// followed by then has to read every lease again.
func (d *Database) ForgetLeases() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(d.opts.Now().Add(time.Hour))
}

// Damage deletes a revision's rows, as no engine does.
func (d *Database) Damage(revision int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first, end := rows.Span(revision-1, revision)
	d.log = slices.Concat(d.log[:d.from(first)], d.log[d.from(end):])
}

// commit carries a batch out. The caller holds mu.
func (d *Database) commit(b *mvcc.Batch, shared bool) error {
	if err := d.apply(b, shared, d.opts.Now()); err != nil {
		return err
	}
	if d.opts.Committed != nil {
		d.opts.Committed(b)
	}
	d.notify()
	return nil
}

// notify wakes those in Await. The caller holds mu.
func (d *Database) notify() {
	d.commits++
	close(d.changed)
	d.changed = make(chan struct{})
}

// session is a connection that has the turn. Its fields are guarded by Database.mu.
type session struct {
	spoke time.Time // when the database last heard of it
	ended bool
}

var (
	errBusy         = errors.New("the counter was not to be had in time")
	errSessionEnded = errors.New("the session has ended")
)

// begin waits for the turn. As a database server does, it ends a session that has the turn and
// has said nothing for mvcc.TurnIdle.
func (d *Database) begin(ctx context.Context) (*session, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		idle := time.NewTimer(mvcc.TurnIdle)
		select {
		case d.counter <- struct{}{}:
			idle.Stop()
			d.mu.Lock()
			defer d.mu.Unlock()
			d.holder = &session{spoke: time.Now()}
			return d.holder, nil
		case <-idle.C:
			d.evict()
			continue
		case <-limit.C:
		case <-ctx.Done():
		}
		idle.Stop()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errBusy
	}
}

func (d *Database) evict() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.holder; h != nil && time.Since(h.spoke) >= mvcc.TurnIdle {
		d.end(h)
	}
}

// end gives the turn to whoever waits. The caller holds mu.
func (d *Database) end(s *session) {
	if s.ended {
		return
	}
	s.ended = true
	d.holder = nil
	<-d.counter
}

func (d *Database) endSession(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end(s)
}

// speak is a sign of life of a session.
func (d *Database) speak(s *session) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.ended {
		return errSessionEnded
	}
	s.spoke = time.Now()
	return nil
}
