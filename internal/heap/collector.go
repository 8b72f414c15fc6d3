package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// lookEvery is how often a server that does not collect is looked at: its headroom may be that of
// a load which has ended.
const lookEvery = 10 * time.Second

// quiet is how long after memory was given back it may be given back again. It costs a collection.
const quiet = time.Minute

// collector sets Go's pace: after each collection, so that a burst is met within one, and from
// time to time, so that the headroom shrinks after it.
type collector struct {
	paced   bool
	changed func(before, now Pressure)

	mu      sync.Mutex
	pacer   pacer
	percent int
	gave    time.Time
}

// start looks at the heap for the life of the process. It sets Go's pace where paced.
func start(most uint64, paced bool, changed func(before, now Pressure)) {
	now := read()
	c := &collector{paced: paced, changed: changed, pacer: pacer{most: most, procs: runtime.GOMAXPROCS(0), last: now}, gave: now.at}
	if paced {
		c.set(percent(min(most, garbageOfIdle), now.live)) // a start leaves most of what it allocates behind
	}
	c.awaitCollection()
	go func() {
		for range time.Tick(lookEvery) {
			c.look()
		}
	}()
}

// awaitCollection looks at the heap after each collection, by an object for the next one to find.
func (c *collector) awaitCollection() {
	runtime.AddCleanup(new([16]byte), func(c *collector) {
		c.look()
		c.awaitCollection()
	}, c)
}

func (c *collector) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := read()
	if now.at.Sub(c.pacer.last.at) < time.Millisecond {
		return // a collection that memory was given back with
	}
	if before, after := noteUse(now.used); before != after {
		c.changed(before, after)
	}
	headroom := c.pacer.headroom(now)
	if !c.paced {
		return
	}
	c.set(percent(headroom, now.live))
	if givesBack(now.live, now.held, headroom) && now.at.Sub(c.gave) >= quiet {
		c.gave = now.at
		go debug.FreeOSMemory() // collects once more, after which there is nothing to give back
	}
}

// set changes Go's percentage where that makes a difference: the world stops for it.
func (c *collector) set(percent int) {
	if difference := percent - c.percent; difference*difference*100 > percent*percent {
		debug.SetGCPercent(percent)
		c.percent = percent
	}
}

// read returns what is known of the heap.
func read() reading {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(samples)
	bytes := func(i int) uint64 { return samples[i].Value.Uint64() }
	spent := samples[3].Value.Float64() - samples[4].Value.Float64()
	now := reading{
		at: time.Now(), live: bytes(0), allocated: bytes(1), cycles: bytes(2), spent: time.Duration(spent * float64(time.Second)),
		held: bytes(7) + bytes(8) + bytes(9),
	}
	beside := bytes(5) // what is neither the heap's nor given back
	beside -= min(beside, bytes(6)+now.held)
	now.used = beside + now.live
	return now
}
