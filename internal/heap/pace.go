package heap

import (
	"time"
)

const (
	// garbageOfBusy is how much a small heap may leave as garbage under full load. A large one may
	// leave as much as is live, which is Go's own rule.
	garbageOfBusy = 512 << 20
	// garbageOfIdle is the least headroom: what an idle server allocates in a minute or more.
	garbageOfIdle = 64 << 20
	// reserve is the part of a large heap that is always headroom. With less, a burst after an idle
	// hour would wait for a collection that it must help with.
	reserve = 8
	// share is the part of the processors that the collector may have, as long as the headroom for
	// that is within bounds: 1/32.
	share = 32
	// markRate is the least that marking takes, for collections too short to measure: a second of
	// processor time for 4 GiB.
	markRate = 4 << 30
)

// reading is what is known of the heap at one time.
type reading struct {
	at        time.Time
	live      uint64        // bytes that the last collection found in use
	allocated uint64        // bytes since the start of the process
	spent     time.Duration // processor time of collections since the start, without idle processors'
	cycles    uint64        // collections since the start
	held      uint64        // bytes of the system's memory that the heap has
	used      uint64        // bytes that the process has and cannot free
}

// pacer decides how much garbage may collect. Not safe for concurrent use.
type pacer struct {
	most  uint64 // bounds the headroom of small heaps
	procs int
	last  reading
	cost  time.Duration // processor time of one collection, smoothed
}

// headroom returns how many bytes may be allocated between two collections, from what has
// happened since the last call. What is allocated in that time costs one collection, so
//
//	headroom = rate * cost * share / processors
//
// keeps the collector at its share of the processors.
func (p *pacer) headroom(now reading) uint64 {
	elapsed := now.at.Sub(p.last.at)
	if cycles := now.cycles - p.last.cycles; cycles > 0 {
		cost := (now.spent - p.last.spent) / time.Duration(cycles)
		if p.cost == 0 {
			p.cost = cost
		}
		p.cost = (p.cost + cost) / 2
	}
	allocated := now.allocated - p.last.allocated
	p.last = now
	least := max(min(garbageOfIdle, p.most), now.live/reserve)
	if elapsed <= 0 {
		return least
	}
	cost := max(p.cost, time.Duration(float64(now.live)/markRate*float64(time.Second)))
	rate := float64(allocated) / elapsed.Seconds()
	wanted := rate * cost.Seconds() * share / float64(p.procs)
	return uint64(min(max(wanted, float64(least)), float64(max(p.most, now.live))))
}

// percent is the headroom as Go wants it: in percent of what is live, which counts as 4 MiB at
// least.
func percent(headroom, live uint64) int {
	const leastHeap = 4 << 20
	return int(min(max(headroom*100/max(live, leastHeap), 1), 10_000))
}

// givesBack reports whether a server that allocates little holds much more memory than it uses.
func givesBack(live, held, headroom uint64) bool {
	return headroom <= max(garbageOfIdle, live/reserve) && held > live+live/4+garbageOfIdle
}
