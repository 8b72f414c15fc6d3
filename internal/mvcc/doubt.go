package mvcc

import (
	"context"
	"fmt"
	"time"
)

// doubtPause is how long a database that could not be asked about a commit in doubt is left alone,
// while nobody writes.
const doubtPause = 100 * time.Millisecond

// settle finds out what became of the batch in doubt, if there is one, before
// anything else is decided.
func (s *sequencer) settle(ctx context.Context) error {
	b := s.doubt
	if b == nil {
		return nil
	}
	var err error
	if s.shared != nil {
		b.landed, err = s.shared.Settle(ctx, &b.Batch)
	} else {
		b.landed, err = s.readBack(ctx, b)
	}
	if err != nil {
		return fmt.Errorf("read back an unknown commit: %w", err)
	}
	if b.landed {
		s.publish(b)
		s.counters.landed.Add(1)
	} else {
		s.ids.lost()
		s.counters.lost.Add(1)
	}
	s.doubt = nil
	s.counters.doubt.Store(false)
	return nil
}

// readBack looks for a batch in a database that nobody else writes: a transaction
// is there as a whole or not at all.
func (s *sequencer) readBack(ctx context.Context, b *batch) (bool, error) {
	st, err := s.engine.State(ctx)
	switch {
	case err != nil:
		return false, err
	case st.Revision == b.revision() && b.reflected(st):
		return true, nil
	case st.Revision != b.Base.Revision:
		return false, fmt.Errorf("the log is at revision %d, expected %d or %d", st.Revision, b.Base.Revision, b.revision())
	}
	return false, nil
}

// reflected says whether a state read back shows the batch's effects that no
// revision tells of.
func (b *batch) reflected(st State) bool {
	if len(b.Commits) > 0 {
		return true // the revision tells
	}
	if st.Compacted < b.Compacted {
		return false
	}
	have := map[LeaseID]Lease{}
	for _, l := range st.Leases {
		have[l.ID] = l
	}
	for _, l := range b.Leases {
		if h, ok := have[l.ID]; !ok || h.Deadline.Before(l.Deadline.Truncate(time.Millisecond)) {
			return false
		}
	}
	for _, id := range b.RevokedLeases {
		if _, ok := have[id]; ok {
			return false
		}
	}
	return true
}
