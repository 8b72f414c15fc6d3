package mvcc

import (
	"context"
	"time"
)

// Compact gives up the revisions below revision: reads and watches from there
// on fail with ErrCompacted. That is a number and takes no time; the rows go in the
// background, and with physical the call waits for that. Errors: ErrCompacted
// when the revision is not above the compacted one, ErrFutureRevision.
func (s *Store) Compact(ctx context.Context, revision int64, physical bool) error {
	_, err := submit(ctx, s, func(b *batch) (struct{}, error) {
		switch {
		case revision <= b.compacted():
			return struct{}{}, ErrCompacted
		case revision > b.revision():
			return struct{}{}, ErrFutureRevision
		}
		b.Compacted = revision
		return struct{}{}, nil
	})
	for err == nil && physical {
		ch := s.Changed()
		if s.state.Load().pruned >= revision-1 {
			break
		}
		select {
		case <-ch:
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.ended:
			err = ErrClosed
		}
	}
	return err
}

// A step of the pruner aims at taking pruneStep, and then leaves the writers
// pruneRest times as long to themselves. It covers at least pruneSpan revisions:
// on a slow disk, too, rows must go faster than they come.
const (
	pruneStep = 8 * time.Millisecond
	pruneRest = 2
	pruneSpan = 256
)

// pruner deletes the rows below the compacted revision, a few at a time. It belongs
// to the sequencer, which calls it between batches; where replicas share the
// database, to the maintainer, which has a connection of its own.
type pruner struct {
	span int64 // revisions that a step covers
	rest time.Time
}

// next is how long to wait for the next step, if there is one.
func (p *pruner) next(s *Store) (time.Duration, bool) {
	st := s.state.Load()
	if st.pruned >= s.prunable(st) {
		return 0, false
	}
	return max(0, time.Until(p.rest)), true
}

func (p *pruner) step(ctx context.Context, s *Store) {
	wait, ok := p.next(s)
	if !ok || wait > 0 {
		return
	}
	p.span = max(p.span, pruneSpan)
	st := *s.state.Load()
	to := min(s.prunable(&st), st.pruned+p.span)
	begin := time.Now()
	rows, err := s.engine.Prune(ctx, st.pruned, to)
	took := time.Since(begin)
	s.opts.Observer.Pruned(rows, took, err)
	p.rest = time.Now().Add(max(took*pruneRest, time.Millisecond))
	if err != nil {
		// Nothing depends on it: it is tried again, less hastily.
		p.rest = time.Now().Add(time.Second)
		return
	}
	if took < pruneStep/2 {
		p.span = min(p.span*2, 1<<16)
	} else if took > pruneStep {
		p.span /= 2
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	st = *s.state.Load()
	st.pruned = max(st.pruned, to)
	s.state.Store(&st)
	if st.pruned >= s.prunable(&st) {
		s.broadcast()
	}
}
