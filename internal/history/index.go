package history

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// entry is an index entry of a version.
type entry struct {
	ref      Ref
	revision int64
	time     int64 // milliseconds since 1970
}

func (e entry) place() (int64, Ref) { return e.revision, e.ref }

// A row of an index has the entries of one step, of all versions or of one owner, in the order of
// revisions. It starts with indexFormat, followed by deflated data: for each entry its revision and
// time as differences from the previous entry, and the object, either one that the row has named
// before or the next new one.
const indexFormat = 3

func encodeIndex(entries []entry) ([]byte, error) {
	var plain []byte
	var last entry
	named := map[Ref]uint64{}
	for _, e := range entries {
		plain = binary.AppendUvarint(plain, uint64(e.revision-last.revision))
		plain = binary.AppendVarint(plain, e.time-last.time)
		last = e
		n, ok := named[e.ref]
		if !ok {
			n = uint64(len(named))
			named[e.ref] = n
		}
		plain = binary.AppendUvarint(plain, n)
		if !ok {
			key := e.ref.key()
			plain = appendBytes(plain, 0, key)
		}
	}
	return deflate(indexFormat, plain)
}

func decodeIndex(data []byte) ([]entry, error) {
	plain, err := inflate(indexFormat, data)
	if err != nil {
		return nil, err
	}
	in := &input{rest: plain}
	var entries []entry
	var last entry
	var refs []Ref
	for len(in.rest) > 0 {
		last.revision += int64(in.number())
		last.time += in.signed()
		n := in.number()
		switch {
		case n == uint64(len(refs)):
			ref, err := refOf(in.bytes(in.number()))
			if err != nil {
				return nil, err
			}
			refs = append(refs, ref)
		case n > uint64(len(refs)):
			return nil, errDamaged
		}
		if in.damaged {
			return nil, errDamaged
		}
		last.ref = refs[n]
		entries = append(entries, last)
	}
	return entries, nil
}

// owned is the owner of an index row: a table, and the prefix of the row's key.
type owned struct{ table, key string }

// owners returns the owners of the index rows of a version.
func owners(v *Version) []owned {
	all := []owned{{table: stepTable}, {namespaceTable, string(ownerKey(v.Namespace))}}
	if v.User != "" {
		all = append(all, owned{userTable, string(ownerKey(v.User))})
	}
	return all
}

// indexRow returns a step's row with the entries of an owner.
func indexRow(o owned, start int64, entries []entry) (mvcc.SideRow, error) {
	data, err := encodeIndex(entries)
	last := time.UnixMilli(entries[len(entries)-1].time)
	return mvcc.SideRow{Table: o.table, Key: withRevision([]byte(o.key), start), Time: last, Data: data}, err
}

// uidRow returns the row that maps a UID to its object.
func uidRow(v *Version) mvcc.SideRow {
	return mvcc.SideRow{Table: uidTable, Key: append(ownerKey(v.UID), v.Ref().key()...), Time: v.Time, Data: []byte{}}
}

// refOfUID parses the key of a UID row.
func refOfUID(key []byte) (Ref, error) {
	_, object, ok := strings.Cut(string(key), "\x00")
	if !ok {
		return Ref{}, errDamaged
	}
	return refOf([]byte(object))
}
