package mvcc

import (
	"sync/atomic"
	"time"
)

// Stats says how a store is doing at one moment. Counters only grow, from 0 at
// Open.
type Stats struct {
	// Revision is the newest one published, Newest the newest that any replica is known
	// to have committed.
	Revision, Newest int64
	// Compacted is the compacted revision; rows that only revisions up to Pruned need are gone, and
	// are to go up to Prunable.
	Compacted, Pruned, Prunable int64
	// Behind is how long ago this replica last knew that it had published everything;
	// always 0 where no other one writes.
	Behind time.Duration
	// Shared says that other replicas may write the database; Maintains that it is
	// this one that expires leases and prunes.
	Shared, Maintains bool
	// Keys is the number of live keys, Leases that of leases.
	Keys, Leases int
	// Queue is how many requests wait for the next batch.
	Queue int
	// Landed and Lost count the commits with an unknown outcome that were looked up
	// afterwards: they were there, or were not. Doubt says that one is still open, and
	// nothing can be written before it is looked up.
	Landed, Lost int64
	Doubt        bool
	// Looks counts the looks at the counter of a shared database, FailedLooks
	// those that got no answer.
	Looks, FailedLooks int64
	// LogReads counts the polls of watchers that had to read the log, because memory no
	// longer held what comes next for them.
	LogReads int64
	// Reloads counts how often this replica had been away for so long that it had to
	// load the whole state again.
	Reloads int64
	// Writes and Reads are the outages of committing and, where the database is shared, of
	// reading its counter; SideWrites those of committing to the side tables.
	Writes, Reads, SideWrites Outage
	// SideQueue is how many calls wait to write to the side tables.
	SideQueue int
	// Pools are the engine's connections, if it tells.
	Pools []Pool
	// Check is how far the engine's own check of its data has come, nil where it has none.
	Check *CheckStats
}

// LogRows is an upper estimate of the rows in the engine's log: one for every live key,
// and one for every revision that has not been pruned, though that may be the row of a
// live key. Transactions that change several keys make it more.
func (s Stats) LogRows() int64 { return int64(s.Keys) + s.Revision - s.Pruned }

// Pool describes an engine's connections for one purpose.
type Pool struct {
	Name string
	// Max is how many there may be; Open how many there are, InUse and Idle.
	Max, Open, InUse, Idle int
	// Opened counts the connections made so far, and so those made again; -1 where
	// that is not known.
	Opened int64
	// Waits counts how often a connection had to be waited for, for WaitTime in all.
	Waits    int64
	WaitTime time.Duration
}

// Pooled is an Engine that tells of its connections, at any time until Close.
type Pooled interface {
	Pools() []Pool
}

// CheckStats says what an engine's check of its data in the background has found.
type CheckStats struct {
	// Rows have been checked since the start; Damaged of all that have been read are not what
	// was written.
	Rows    int64
	Damaged int
	// Progress of the present pass over all rows, from 0 to 1; 1 until the next begins.
	Progress float64
	// Completed is when the last pass has ended; zero if none has since the start.
	Completed time.Time
}

// Checked is an Engine that checks its data in the background.
type Checked interface {
	CheckStats() CheckStats
}

// counters are what Stats cannot find out otherwise.
type counters struct {
	landed, lost       atomic.Int64
	doubt              atomic.Bool
	looks, failedLooks atomic.Int64
	logReads, reloads  atomic.Int64
	newest             atomic.Int64 // revision, as last read from the counter
	current            atomic.Int64 // Unix nanoseconds: when all was known to be published
}

// Stats takes no time to speak of, and asks the database nothing.
func (s *Store) Stats() Stats {
	st := s.state.Load()
	n := &s.counters
	stats := Stats{
		Revision: st.Revision, Newest: max(st.Revision, n.newest.Load()),
		Compacted: st.compacted, Pruned: st.pruned, Prunable: s.prunable(st),
		Shared: s.shared != nil, Maintains: s.maintains(),
		Keys: st.tree.len(), Leases: s.leases.count(), Queue: s.queue.len(),
		Landed: n.landed.Load(), Lost: n.lost.Load(), Doubt: n.doubt.Load(),
		Looks: n.looks.Load(), FailedLooks: n.failedLooks.Load(),
		LogReads: n.logReads.Load(), Reloads: n.reloads.Load(),
	}
	stats.Writes, stats.Reads, stats.SideWrites = s.writes.get(), s.reads.get(), s.side.outage.get()
	stats.SideQueue = s.side.queue.len()
	if s.shared != nil {
		stats.Behind = max(0, time.Since(time.Unix(0, n.current.Load())))
	}
	if p, ok := s.engine.(Pooled); ok {
		stats.Pools = p.Pools()
	}
	if c, ok := s.engine.(Checked); ok {
		check := c.CheckStats()
		stats.Check = &check
	}
	return stats
}

// Live counts the live keys of a span, and the bytes of their keys and values. It costs next to
// nothing, however many there are.
func (s *Store) Live(span Span) (keys int, bytes int64) {
	t := s.state.Load().tree
	return t.count(span), t.weigh(span)
}
