package history

import (
	"encoding/binary"
	"errors"
)

// A delta describes how to build one text from another. It is a sequence of numbers: the lowest bit
// is 1 for a copy and 0 for new bytes, and the other bits are the length. The offset to copy from,
// or the bytes, follow.

// block is the shortest copy that saves space.
const block = 16

// delta returns the delta that builds next from prev. The common prefix and suffix need no search.
func delta(prev, next []byte) []byte {
	shorter := min(len(prev), len(next))
	head := 0
	for head < shorter && prev[head] == next[head] {
		head++
	}
	tail := 0
	for tail < shorter-head && prev[len(prev)-1-tail] == next[len(next)-1-tail] {
		tail++
	}
	var out []byte
	if head > 0 {
		out = appendCopy(out, 0, head)
	}
	out = append(out, inner(prev, next[head:len(next)-tail])...)
	if tail > 0 {
		out = appendCopy(out, len(prev)-tail, tail)
	}
	return out
}

func appendCopy(to []byte, from, n int) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(to, uint64(n)<<1|1), uint64(from))
}

// inner returns the delta that builds next from blocks of prev.
func inner(prev, next []byte) []byte {
	at := map[[block]byte]int{}
	if len(next) >= block {
		at = make(map[[block]byte]int, len(prev)/block+1)
		for i := 0; i+block <= len(prev); i += block {
			key := [block]byte(prev[i:])
			if _, ok := at[key]; !ok {
				at[key] = i
			}
		}
	}
	var out []byte
	fresh := 0 // the start of the bytes that no copy covers
	insert := func(end int) {
		if end > fresh {
			out = binary.AppendUvarint(out, uint64(end-fresh)<<1)
			out = append(out, next[fresh:end]...)
		}
	}
	for i := 0; i+block <= len(next); {
		from, ok := at[[block]byte(next[i:])]
		if !ok {
			i++
			continue
		}
		begin, n := i, block
		for begin > fresh && from > 0 && next[begin-1] == prev[from-1] {
			begin, from, n = begin-1, from-1, n+1
		}
		for begin+n < len(next) && from+n < len(prev) && next[begin+n] == prev[from+n] {
			n++
		}
		insert(begin)
		out = appendCopy(out, from, n)
		i = begin + n
		fresh = i
	}
	insert(len(next))
	return out
}

var errDamaged = errors.New("the history is damaged: a version cannot be rebuilt")

// patch applies a delta.
func patch(prev, d []byte) ([]byte, error) {
	var out []byte
	for len(d) > 0 {
		head, size := binary.Uvarint(d)
		if size <= 0 {
			return nil, errDamaged
		}
		d = d[size:]
		n := head >> 1
		if head&1 == 0 {
			if n > uint64(len(d)) {
				return nil, errDamaged
			}
			out, d = append(out, d[:n]...), d[n:]
			continue
		}
		from, size := binary.Uvarint(d)
		if size <= 0 || from > uint64(len(prev)) || n > uint64(len(prev))-from {
			return nil, errDamaged
		}
		out, d = append(out, prev[from:from+n]...), d[size:]
	}
	return out, nil
}
