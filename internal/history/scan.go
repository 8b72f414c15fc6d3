package history

import (
	"bytes"
	"context"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// scan reads the objects of a span in the order of their keys. It reads the rows of many objects
// with one query, instead of several queries for each object.
type scan struct {
	side     mvcc.SideTables
	revision int64
	// query is the query for the next page, and rows is the rest of the last one. more is true if
	// there is a next page.
	query mvcc.SideQuery
	rows  []mvcc.SideRow
	more  bool
	// wanted is the number of objects that are wanted, and objects and read are the numbers of objects
	// and rows so far.
	wanted, objects, read int
	// ahead is the next page, which is read while the last one is used; nil if there is none.
	ahead *ahead
	// fresh are the objects of the tail.
	fresh []*scanned
}

// ahead is a page that is being read.
type ahead struct {
	stop context.CancelFunc
	done chan struct{}
	page mvcc.SidePage
	err  error
}

// scanned is an object that a scan has found.
type scanned struct {
	ref Ref
	key []byte
	// change is its newest change in the tail; nil for none.
	change *change
	// rows are the rows of the object, oldest first; decoded counts those that have been decoded, from
	// the end. They are nil for an object with too many rows to read them all.
	rows    []mvcc.SideRow
	decoded int
	records map[int64]record
}

// A scan begins with a page of firstRows rows, or twice the number of wanted objects if that is
// more, and continues with pages of about as many rows as the remaining objects have. An object
// with more than manyRows rows is looked up separately.
const (
	firstRows = 64
	manyRows  = 64
)

// newScan begins a scan of objects up to a revision, some of which are wanted. Rows that begin
// later are not read.
func newScan(v *view, span mvcc.SideSpan, revision int64, wanted int, fresh []*scanned) *scan {
	q := mvcc.SideQuery{SideSpan: span, Tail: withRevision(nil, revision), Limit: min(max(firstRows, 2*wanted), mvcc.MaxSideRows)}
	return &scan{side: v.side, revision: revision, query: q, more: true, wanted: wanted, fresh: fresh}
}

// close ends the read-ahead.
func (s *scan) close() {
	if s.ahead != nil {
		s.ahead.stop()
		<-s.ahead.done
		s.ahead = nil
	}
}

// some returns the next objects, at most n, none at the end.
func (s *scan) some(ctx context.Context, n int) (all []*scanned, err error) {
	for len(all) < n {
		if err := s.fill(ctx); err != nil {
			return nil, err
		}
		var key []byte
		if len(s.rows) > 0 {
			if key, _, err = cutRevision(s.rows[0].Key); err != nil {
				return nil, err
			}
		}
		var o *scanned
		switch {
		case len(s.fresh) > 0 && (key == nil || bytes.Compare(s.fresh[0].key, key) <= 0):
			o, s.fresh = s.fresh[0], s.fresh[1:]
		case key == nil:
			return all, nil
		default:
			ref, err := refOf(key)
			if err != nil {
				return nil, err
			}
			o = &scanned{ref: ref, key: key}
		}
		if bytes.Equal(o.key, key) {
			if o.rows, err = s.take(ctx, key); err != nil {
				return nil, err
			}
		}
		all = append(all, o)
	}
	return all, nil
}

// take returns the rows of the next object: nil if they are too many.
func (s *scan) take(ctx context.Context, key []byte) (rows []mvcc.SideRow, err error) {
	for {
		n := 0
		for n < len(s.rows) && len(s.rows[n].Key) == len(key)+8 && bytes.HasPrefix(s.rows[n].Key, key) {
			n++
		}
		rows, s.rows = append(rows, s.rows[:n]...), s.rows[n:]
		if len(s.rows) > 0 || !s.more {
			return rows, nil
		}
		if len(rows) > manyRows {
			s.close()
			s.query.From, s.query.After, s.query.Limit = beyond(key), nil, firstRows
			return nil, nil
		}
		if err := s.fill(ctx); err != nil {
			return nil, err
		}
	}
}

// fill reads the next page if no rows are left.
func (s *scan) fill(ctx context.Context) error {
	if len(s.rows) > 0 || !s.more {
		return nil
	}
	if s.ahead == nil {
		s.start(ctx)
	}
	<-s.ahead.done
	page, err := s.ahead.page, s.ahead.err
	s.ahead.stop()
	s.ahead = nil
	if err != nil {
		return err
	}
	s.rows, s.more = page.Rows, page.More && len(page.Rows) > 0
	if !s.more {
		return nil
	}
	s.query.After = page.Rows[len(page.Rows)-1].Cursor()
	for i := range page.Rows {
		if i == 0 || !sameKey(page.Rows[i-1].Key, page.Rows[i].Key) {
			s.objects++
		}
	}
	s.read += len(page.Rows)
	if left := s.wanted - s.objects; left > 0 {
		s.query.Limit = min(max(firstRows, left*s.read/s.objects), mvcc.MaxSideRows)
		s.start(ctx)
	} else {
		s.query.Limit = min(2*s.query.Limit, mvcc.MaxSideRows) // for objects that are skipped
	}
	return nil
}

// sameKey reports whether keys of rows belong to one object.
func sameKey(a, b []byte) bool {
	return len(a) == len(b) && len(a) >= 8 && bytes.Equal(a[:len(a)-8], b[:len(b)-8])
}

// start starts to read the next page.
func (s *scan) start(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	a, q := &ahead{stop: stop, done: make(chan struct{})}, s.query
	s.ahead = a
	go func() {
		defer close(a.done)
		a.page, a.err = s.side.Page(ctx, q)
	}()
}

// older decodes the next older row, which must exist.
func (o *scanned) older() (records []record, start int64, err error) {
	o.decoded++
	row := &o.rows[len(o.rows)-o.decoded]
	if _, start, err = cutRevision(row.Key); err != nil {
		return nil, 0, err
	}
	if records, err = decodeRow(o.ref, row.Data); err != nil {
		return nil, 0, err
	}
	if o.records == nil {
		o.records = map[int64]record{}
	}
	for _, r := range records {
		if _, newer := o.records[r.Revision]; !newer {
			o.records[r.Revision] = r
		}
	}
	return records, start, nil
}

// newestOf returns the newest version of an object up to a revision, nil for none.
func (v *view) newestOf(ctx context.Context, o *scanned, revision int64) (newest *record, err error) {
	look := func(records []record) {
		for i := range records {
			if r := &records[i]; r.Revision <= revision && (newest == nil || r.Revision > newest.Revision) {
				newest = r
			}
		}
	}
	if o.rows == nil {
		err := v.below(ctx, o.ref, revision, func(records []record, more bool) bool {
			look(records)
			return newest == nil || more
		})
		return newest, err
	}
	for starts, last := 0, int64(-1); o.decoded < len(o.rows) && (newest == nil || starts <= overlap); {
		if _, start, err := cutRevision(o.rows[len(o.rows)-1-o.decoded].Key); err != nil || start > revision {
			if err != nil {
				return nil, err
			}
			o.rows = o.rows[:len(o.rows)-1]
			continue
		}
		records, start, err := o.older()
		if err != nil {
			return nil, err
		}
		if start != last {
			starts, last = starts+1, start
		}
		look(records)
	}
	return newest, nil
}

// rebuild is object for rows that the scan has already read.
func (v *view) rebuild(ctx context.Context, o *scanned, r record) ([]byte, error) {
	if o.rows == nil {
		return v.object(ctx, r)
	}
	asked := r
	var deltas [][]byte
	for r.base != 0 {
		base, ok := o.records[r.base]
		for ; !ok && o.decoded < len(o.rows); base, ok = o.records[r.base] {
			if _, _, err := o.older(); err != nil {
				return nil, err
			}
		}
		if !ok || r.base >= r.Revision {
			return v.object(ctx, asked) // versions are being removed, or the data is damaged
		}
		deltas = append(deltas, r.body)
		r = base
	}
	object := r.body
	for i := len(deltas) - 1; i >= 0; i-- {
		var err error
		if object, err = patch(object, deltas[i]); err != nil {
			return nil, err
		}
	}
	return object, nil
}
