package sqlite

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// Each row of the log has a checksum: in its upper 32 bits the CRC-32C of all that the store
// reads (id, key, value, created, version, lease, prev), in the lower 32 that of who wrote it
// and when, so that a load needs to read only the former. 0 is a row from before there
// were checksums, until the scrubber has added it. A lease has the CRC-32C of its columns.
//
// Numbers count as 8 bytes, least first; NULL counts as empty.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// row is a row of the log with its checksum, 0 where it has none.
type row struct {
	rows.Row
	sum int64
}

// columns are those of the row but who wrote it.
func (r *row) columns(table string) named.Columns {
	return append(r.Columns(table), named.Of(table, "prev", &r.Prev), named.Of(table, "checksum", &r.sum))
}

// dataSum is the upper half.
func (r *row) dataSum() uint32 {
	var head [7 * 8]byte
	for i, n := range [...]int64{r.ID, r.Created, r.Version, r.Lease, r.Prev, int64(len(r.Key)), int64(len(r.Value))} {
		binary.LittleEndian.PutUint64(head[i*8:], uint64(n))
	}
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, r.Key)
	return crc32.Update(sum, castagnoli, r.Value)
}

// writer is who wrote a row, and when.
type writer struct {
	at    int64
	actor mvcc.Actor
}

// crc is the lower half.
func (w *writer) crc(buffer *[]byte) uint32 {
	b := binary.LittleEndian.AppendUint64((*buffer)[:0], uint64(w.at))
	for _, t := range rows.Actor(&w.actor) {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(*t.Value)))
		b = append(b, *t.Value...)
	}
	*buffer = b
	return crc32.Checksum(b, castagnoli)
}

// sum is the checksum of a side row: the CRC-32C of all its columns.
func (r *sideRow) sum() int64 {
	var head [5 * 8]byte
	for i, n := range [...]int64{r.ID, r.at, int64(len(r.Table)), int64(len(r.Key)), int64(len(r.Data))} {
		binary.LittleEndian.PutUint64(head[i*8:], uint64(n))
	}
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, []byte(r.Table))
	sum = crc32.Update(sum, castagnoli, r.Key)
	return int64(crc32.Update(sum, castagnoli, r.Data))
}

func checksum(data, writer uint32) int64 { return int64(uint64(data)<<32 | uint64(writer)) }

// intact reports whether a row matches its checksum as far as the store reads it.
func (r *row) intact() bool {
	return r.sum == 0 || uint32(uint64(r.sum)>>32) == r.dataSum()
}

// lease is a row of the leases with its checksum.
type lease struct {
	rows.Lease
	sum int64
}

func (l *lease) columns() named.Columns {
	return append(l.Columns("l"), named.Of("l", "checksum", &l.sum))
}

func leaseSum(l rows.Lease) int64 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], uint64(l.ID))
	binary.LittleEndian.PutUint64(b[8:], uint64(l.TTL))
	binary.LittleEndian.PutUint64(b[16:], uint64(l.Deadline))
	return int64(crc32.Checksum(b[:], castagnoli))
}
