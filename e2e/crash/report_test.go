package crash

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The kinds of lines that a child reports.
const (
	kindReady     = "ready"     // revision at the start
	kindWrote     = "wrote"     // revision key value; no value for a delete
	kindSaw       = "saw"       // revision
	kindLease     = "lease"     // id
	kindCompacted = "compacted" // revision
	kindAppended  = "appended"  // id key data
	kindDeleted   = "deleted"   // number key
)

// reports holds everything that one child reported before it was killed.
type reports struct {
	ready     bool
	start     int64
	wrote     map[int64]change // by revision
	saw       int64            // newest revision acknowledged or watched
	leases    []int64
	compacted int64
	sides     []sideChange // in the order of each key's
}

// change is one write; an empty value is a delete.
type change struct{ key, value string }

// readReports reads to the end of the pipe. It calls ready as soon as the child has opened the
// store.
func readReports(pipe io.Reader, ready func()) (reports, error) {
	r := reports{wrote: map[int64]change{}}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		number, rest, _ := strings.Cut(rest, " ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return r, fmt.Errorf("unexpected line %q from the child", lines.Text())
		}
		switch kind {
		case kindReady:
			r.ready, r.start = true, n
			ready()
		case kindWrote:
			key, value, _ := strings.Cut(rest, " ")
			if before, twice := r.wrote[n]; twice {
				return r, fmt.Errorf("revision %d acknowledged for %v and for %s", n, before, key)
			}
			r.wrote[n] = change{key, value}
			r.saw = max(r.saw, n)
		case kindSaw:
			r.saw = max(r.saw, n)
		case kindLease:
			r.leases = append(r.leases, n)
		case kindCompacted:
			r.compacted = n
		case kindAppended:
			key, data, _ := strings.Cut(rest, " ")
			r.sides = append(r.sides, sideChange{key: key, id: n, data: data})
		case kindDeleted:
			r.sides = append(r.sides, sideChange{key: rest, deleted: int(n)})
		}
	}
	return r, lines.Err()
}
