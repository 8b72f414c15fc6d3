package mvcc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Side returns the side tables of the store's database.
func (s *Store) Side() SideTables { return sideTables{s} }

// sideTables are those of a store.
type sideTables struct{ *Store }

// Append implements SideTables.
func (s sideTables) Append(ctx context.Context, rows ...SideRow) ([]int64, error) {
	return s.append(ctx, nil, rows)
}

// AppendIf implements SideTables.
func (s sideTables) AppendIf(ctx context.Context, c SideNewest, rows ...SideRow) ([]int64, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return s.append(ctx, &c, rows)
}

func (s sideTables) append(ctx context.Context, c *SideNewest, rows []SideRow) ([]int64, error) {
	if err := checkSideRows(rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	rows = slices.Clone(rows)
	now := s.Now()
	for i := range rows {
		if rows[i].Time.IsZero() {
			rows[i].Time = now
		}
	}
	op := &SideOp{If: c, Rows: rows}
	if err := s.side.submit(ctx, op); err != nil {
		return nil, err
	}
	if op.Refused {
		return nil, ErrSideChanged
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return ids, nil
}

// Delete implements SideTables.
func (s sideTables) Delete(ctx context.Context, span SideSpan, before time.Time, most int) (int, bool, error) {
	return s.delete(ctx, nil, span, before, most)
}

// DeleteIf implements SideTables.
func (s sideTables) DeleteIf(ctx context.Context, c SideNewest, span SideSpan, before time.Time, most int) (int, bool, error) {
	if err := c.check(); err != nil {
		return 0, false, err
	}
	return s.delete(ctx, &c, span, before, most)
}

func (s sideTables) delete(ctx context.Context, c *SideNewest, span SideSpan, before time.Time, most int) (int, bool, error) {
	if err := errors.Join(span.check(), checkSideMost(most)); err != nil {
		return 0, false, err
	}
	op := &SideOp{If: c, Span: span, Before: before, Most: most}
	if err := s.side.submit(ctx, op); err != nil {
		return 0, false, err
	}
	if op.Refused {
		return 0, false, ErrSideChanged
	}
	return op.Deleted, op.More, nil
}

// Page implements SideTables.
func (s sideTables) Page(ctx context.Context, q SideQuery) (SidePage, error) {
	if err := q.complete(); err != nil {
		return SidePage{}, err
	}
	return sideRead(ctx, s, func() (SidePage, error) { return s.engine.SidePage(ctx, &q) })
}

// Count implements SideTables.
func (s sideTables) Count(ctx context.Context, span SideSpan) (int64, error) {
	if err := span.check(); err != nil {
		return 0, err
	}
	return sideRead(ctx, s, func() (int64, error) { return s.engine.SideCount(ctx, span) })
}

// sideRead reads while the store is open.
func sideRead[T any](ctx context.Context, s sideTables, read func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if !s.side.enter() {
		return none, ErrClosed
	}
	defer s.side.leave()
	if err := s.usable(); err != nil {
		return none, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	res, err := read()
	switch {
	case err == nil:
		return res, nil
	case ctx.Err() != nil:
		return none, ctx.Err()
	}
	return none, fmt.Errorf("%w: %w", ErrUnavailable, err)
}
