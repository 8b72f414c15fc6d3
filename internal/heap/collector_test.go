package heap

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

var sink []byte

// A process that allocates much gets more room between its collections than it began with.
func TestCollectorFollowsTheRate(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	held := make([][]byte, 64)
	for i := range held {
		held[i] = make([]byte, mebibyte)
	}
	now := read()
	c := &collector{paced: true, changed: func(_, _ Pressure) {}, pacer: pacer{most: garbageOfBusy, procs: 1, last: now}, gave: now.at}
	c.set(10)
	c.awaitCollection()
	deadline := time.Now().Add(time.Minute)
	for c.current() == 10 {
		if time.Now().After(deadline) {
			t.Fatal("no collection changed the percentage")
		}
		sink = make([]byte, mebibyte)
	}
	if got := debug.SetGCPercent(-1); got == 10 {
		t.Error("the percentage was not given to Go")
	}
	runtime.KeepAlive(held)
}

func (c *collector) current() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.percent
}
