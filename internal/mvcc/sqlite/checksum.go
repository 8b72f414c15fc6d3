package sqlite

import (
	"encoding/binary"
	"hash/crc32"
)

// Each row of the log has a checksum: in its upper 32 bits the CRC-32C of all that the store
// reads (id, key, value, created, version, lease, prev), in the lower 32 that of who wrote it
// and when, so that a load needs to read only the former. 0 is a row from before there
// were checksums, until the scrubber has added it. A lease has the CRC-32C of its columns.
//
// Numbers count as 8 bytes, least first; NULL counts as empty.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// row is a row of the log as its checksum sees it.
type row struct {
	id                            int64
	key, value                    []byte
	created, version, lease, prev int64
}

// dataSum is the upper half.
func (r *row) dataSum() uint32 {
	var head [7 * 8]byte
	for i, n := range [...]int64{r.id, r.created, r.version, r.lease, r.prev, int64(len(r.key)), int64(len(r.value))} {
		binary.LittleEndian.PutUint64(head[i*8:], uint64(n))
	}
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, r.key)
	return crc32.Update(sum, castagnoli, r.value)
}

// writer is who wrote a row, and when.
type writer struct {
	at    int64
	actor [7]string // in the order of the columns
}

// sum is the lower half.
func (w *writer) sum(buffer *[]byte) uint32 {
	b := binary.LittleEndian.AppendUint64((*buffer)[:0], uint64(w.at))
	for _, s := range w.actor {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	*buffer = b
	return crc32.Checksum(b, castagnoli)
}

func checksum(data, writer uint32) int64 { return int64(uint64(data)<<32 | uint64(writer)) }

// intact reports whether a row matches its checksum as far as the store reads it.
func (r *row) intact(checksum int64) bool {
	return checksum == 0 || uint32(uint64(checksum)>>32) == r.dataSum()
}

func leaseSum(id, ttl, deadline int64) int64 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], uint64(id))
	binary.LittleEndian.PutUint64(b[8:], uint64(ttl))
	binary.LittleEndian.PutUint64(b[16:], uint64(deadline))
	return int64(crc32.Checksum(b[:], castagnoli))
}
