package mark

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
)

// StoreID identifies a database for as long as its revisions go on. 0 is no id.
type StoreID uint64

// String is the form that users see: 16 hexadecimal digits.
func (id StoreID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseStoreID is the inverse of String.
func ParseStoreID(s string) (StoreID, error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != 8 {
		return 0, errors.New("a store id has 16 hexadecimal digits: copy it from the message of the start that was refused")
	}
	return StoreID(binary.BigEndian.Uint64(raw)), nil
}

// Unknown is Mark.Keys where nothing but the revision is known.
const Unknown = -1

// Mark says what a database must hold.
type Mark struct {
	Store StoreID
	// Revision is durable, and so are all before it.
	Revision int64
	// Keys counts the live keys at Revision, and Digest is the sum of their Digests; Keys is
	// Unknown where that has not been worked out. On a database server Digest is the id of the
	// batch that wrote Revision instead, and Keys Unknown.
	Keys   int64
	Digest uint64
	// Side is the newest id of the side tables that is known to be durable, and Writer who took it; 0
	// where that is not known. Releases before do not write them.
	Side, Writer int64
}

// Digest is what one live key adds to Mark.Digest: a hash of the row that created it and
// of the revision of its newest value. Sums of digests do not depend on the order.
func Digest(created, revision int64) uint64 {
	// Each step is splitmix64's finalizer.
	return mix(mix(uint64(created)+0x9e3779b97f4a7c15) + uint64(revision))
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Contradicts returns why a database that holds the store at the revision, and side rows up to the
// id side, has lost something that the mark says it held; "" if it has not. store is 0 where there
// is no database.
func (m Mark) Contradicts(store StoreID, revision, side int64) string {
	switch {
	case store == 0:
		return fmt.Sprintf("there is no database, but store %s was at revision %d", m.Store, m.Revision)
	case store != m.Store:
		return fmt.Sprintf("it is store %s, but store %s was here, at revision %d", store, m.Store, m.Revision)
	case revision < m.Revision:
		return fmt.Sprintf("it is at revision %d, but revision %d had been acknowledged", revision, m.Revision)
	case side < m.Side:
		return fmt.Sprintf("its side tables end at id %d, but id %d had been acknowledged", side, m.Side)
	}
	return ""
}

// A slot begins with one line of fixed length that people can read: labels, each with a number of
// 16 hexadecimal digits, and a checksum of what is before it.
var slotLabels = [...]string{"ark-server mark 1 sequence ", " store ", " revision ", " keys ", " digest "}

const (
	slotFormat = "ark-server mark 1 sequence %016x store %016x revision %016x keys %016x digest %016x "
	slotText   = len("ark-server mark 1 sequence  store  revision  keys  digest  ") + len(slotLabels)*16
	slotSize   = slotText + 8 + 1 // the checksum and a newline
)

// A second line follows, which releases before neither read nor write: the sequence says whether it
// belongs to the first.
var sideLabels = [...]string{"sequence ", " side ", " writer "}

const (
	sideFormat = "sequence %016x side %016x writer %016x "
	sideText   = len("sequence  side  writer  ") + len(sideLabels)*16
	sideSize   = sideText + 8 + 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode is on the path of every commit: it does without fmt.
func (m Mark) encode(line []byte, sequence uint64) []byte {
	line = appendLine(line[:0], slotLabels[:], sequence, uint64(m.Store), uint64(m.Revision), uint64(m.Keys), m.Digest)
	return appendLine(line, sideLabels[:], sequence, uint64(m.Side), uint64(m.Writer))
}

func appendLine(line []byte, labels []string, numbers ...uint64) []byte {
	begin := len(line)
	for i, n := range numbers {
		line = append(line, labels[i]...)
		line = appendHex(line, n, 16)
	}
	line = append(line, ' ')
	line = appendHex(line, uint64(crc32.Checksum(line[begin:], castagnoli)), 8)
	return append(line, '\n')
}

func appendHex(line []byte, n uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		line = append(line, "0123456789abcdef"[n>>shift&15])
	}
	return line
}

// decode returns false for a slot that was never or not completely written, or has changed.
func decode(line []byte) (m Mark, sequence uint64, ok bool) {
	if len(line) < slotSize {
		return m, 0, false
	}
	line, side := line[:slotSize], line[slotSize:]
	var store, revision, keys uint64
	var sum uint32
	if _, err := fmt.Sscanf(string(line), slotFormat+"%08x\n", &sequence, &store, &revision, &keys, &m.Digest, &sum); err != nil {
		return m, 0, false
	}
	if sum != crc32.Checksum(line[:slotText], castagnoli) {
		return m, 0, false
	}
	m.Store, m.Revision, m.Keys = StoreID(store), int64(revision), int64(keys)
	m.Side, m.Writer = decodeSide(side, sequence)
	return m, sequence, true
}

// decodeSide returns 0 for a line that does not belong to a sequence.
func decodeSide(line []byte, sequence uint64) (side, writer int64) {
	var of, id, by uint64
	var sum uint32
	if len(line) != sideSize {
		return 0, 0
	}
	if _, err := fmt.Sscanf(string(line), sideFormat+"%08x\n", &of, &id, &by, &sum); err != nil || of != sequence || sum != crc32.Checksum(line[:sideText], castagnoli) {
		return 0, 0
	}
	return int64(id), int64(by)
}
