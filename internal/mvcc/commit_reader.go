package mvcc

// CommitReader puts the events that an engine reads from its log, in order,
// together to commits: what every Engine.Events does. Actor and time stay zero.
// Not safe for concurrent use.
type CommitReader struct {
	after    int64
	maxBytes int
	bytes    int
	each     func(*Commit) error
	commit   *Commit // may go on with the next event
	enough   bool
}

// ReadCommits begins behind the revision after; the arguments are those of
// Engine.Events.
func ReadCommits(after int64, maxBytes int, each func(*Commit) error) *CommitReader {
	return &CommitReader{after: after, maxBytes: maxBytes, each: each}
}

// Add takes the next event, which a batch wrote. The one that begins a revision shows that the one
// before is complete, which is then handed over. Its error is that of each.
func (r *CommitReader) Add(ev Event, batch int64) error {
	if r.enough {
		return nil
	}
	revision := ev.KV.ModRevision
	if r.commit != nil && r.commit.Revision != revision {
		if _, err := r.Finish(); err != nil {
			return err
		}
		if r.enough = r.bytes >= r.maxBytes; r.enough {
			return nil
		}
	}
	if r.commit == nil {
		r.commit = &Commit{Revision: revision, Batch: batch}
	}
	r.commit.Events = append(r.commit.Events, ev)
	r.bytes += len(ev.KV.Key) + len(ev.KV.Value)
	if ev.Prev != nil {
		r.bytes += len(ev.Prev.Value)
	}
	return nil
}

// Enough says that maxBytes have been handed over: what follows is not wanted.
func (r *CommitReader) Enough() bool { return r.enough }

// Left is how many of maxBytes have not been read; it may be negative.
func (r *CommitReader) Left() int { return r.maxBytes - r.bytes }

// After is the last revision handed over.
func (r *CommitReader) After() int64 { return r.after }

// Finish hands over the last revision, after whose last event there is no other, and
// returns After.
func (r *CommitReader) Finish() (int64, error) {
	if r.commit == nil {
		return r.after, nil
	}
	c := r.commit
	r.commit = nil
	if err := r.each(c); err != nil {
		return r.after, err
	}
	r.after = c.Revision
	return r.after, nil
}
