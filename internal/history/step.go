package history

import (
	"slices"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// A step is full when it reaches one of these limits. Its rows are one append, which makes a
// transaction of the store longer.
const (
	stepRows     = 250
	stepVersions = 2000
	stepBytes    = 2 << 20
)

// rowVersions and rowBytes bound a row, which is always read as a whole.
const (
	rowVersions = 32
	rowBytes    = 128 << 10
)

// step collects the versions of a range of revisions, grouped by object, as the rows of one append.
type step struct {
	progress
	start   int64
	objects map[Ref]*series
	order   []*series
	indexes map[owned][]entry
	uids    []mvcc.SideRow
	// chains is true if the versions become a link of the hash chain, by their leaves.
	chains bool
	leaves []leaf

	versions, bytes int
}

// series are the versions of an object in a step.
type series struct {
	records []record
	meta    *meta
}

func (a *Archive) newStep(p progress) *step {
	return &step{progress: p, start: p.UpTo + 1, objects: map[Ref]*series{}, indexes: map[owned][]entry{}, chains: a.chains}
}

func (s *step) full() bool {
	return len(s.order)+len(s.indexes)+len(s.uids) >= stepRows || s.versions >= stepVersions || s.bytes >= stepBytes
}

// fullEvery is the interval of an object's versions at which one is stored as a whole.
const fullEvery = 16

// change adds the version of a change.
func (s *step) change(c change) {
	v := versionOf(c.ref, c.commit, c.event)
	prev := c.event.Prev
	of := s.objects[c.ref]
	if of == nil {
		of = &series{}
		s.objects[c.ref] = of
		s.order = append(s.order, of)
	}
	before := of.meta
	if prev == nil {
		before = nil
	} else if before == nil {
		before = metaOf(prev)
	}
	of.meta = v.describe(before)
	r := record{Version: v, body: v.Object}
	switch {
	case prev == nil:
	// Another release may convert a stored value to different JSON, so converted JSON is no base
	// outside a step.
	case len(of.records) > 0 || !c.translated && prev.ModRevision > max(s.From, s.Whole) && c.event.KV.Version%fullEvery != 1:
		r.reduce(prev.ModRevision, prev.Value)
	}
	s.add(of, r, prev == nil)
}

// reduce replaces the object with the delta to another version, if that is smaller.
func (r *record) reduce(base int64, object []byte) {
	if d := delta(object, r.body); len(d) < len(r.body)/2 {
		r.base, r.body = base, d
	}
}

// add adds a version; first is true if it is the first version of its UID.
func (s *step) add(of *series, r record, first bool) {
	if s.chains {
		r.salt = newSalt()
		s.leaves = append(s.leaves, leaf{r.Revision, leafOf(r.Version, r.Version.Object)})
	}
	of.records = append(of.records, r)
	s.versions++
	s.bytes += len(r.body)
	e := entry{r.Ref(), r.Revision, r.Time.UnixMilli()}
	for _, o := range owners(r.Version) {
		s.indexes[o] = append(s.indexes[o], e)
	}
	if first && r.UID != "" {
		s.uids = append(s.uids, uidRow(r.Version))
	}
}

// rows returns the rows of the step, and ends it: UpTo is its last revision.
func (s *step) rows() ([]mvcc.SideRow, error) {
	rows := s.uids
	for _, of := range s.order {
		more, err := objectRows(of.records, s.start)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	for o, entries := range s.indexes {
		row, err := indexRow(o, s.start, entries)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	if s.chains {
		rows = append(rows, s.Chain.versions(s.start, s.UpTo, s.leaves)...)
	}
	return rows, nil
}

// objectRows returns the rows of versions of one object.
func objectRows(records []record, start int64) (rows []mvcc.SideRow, err error) {
	for len(records) > 0 {
		n, size := 0, 0
		for n < len(records) && n < rowVersions && (n == 0 || size+len(records[n].body) <= rowBytes) {
			size += len(records[n].body)
			n++
		}
		data, err := encodeRow(records[:n])
		if err != nil {
			return nil, err
		}
		last := records[n-1]
		rows = append(rows, mvcc.SideRow{Table: versionTable, Key: last.Ref().versionKey(start), Time: last.Time, Data: data})
		records = records[n:]
	}
	return rows, nil
}

// calls divides rows into appends within the size limits.
func calls(rows []mvcc.SideRow) (parts [][]mvcc.SideRow) {
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && n < mvcc.MaxSideRows-1 && (n == 0 || size+len(rows[n].Data) <= mvcc.MaxSideData/2) {
			size += len(rows[n].Data)
			n++
		}
		parts = append(parts, slices.Clip(rows[:n]))
		rows = rows[n:]
	}
	return parts
}
