package server

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"
	"time"
)

func TestLimitMemory(t *testing.T) {
	container := fstest.MapFS{
		"proc/self/cgroup":         {Data: []byte("0::/\n")},
		"sys/fs/cgroup/memory.max": {Data: []byte("10737418240\n")},
	}
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	debug.SetMemoryLimit(math.MaxInt64)

	limitMemory(fstest.MapFS{})
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("without a container the limit is %d", got)
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	limitMemory(container)
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("GOMEMLIMIT is set, and the limit is now %d", got)
	}
	t.Setenv("GOMEMLIMIT", "")
	limitMemory(container)
	if got := debug.SetMemoryLimit(-1); got != 9663676416 {
		t.Errorf("with 10 GiB the limit is %d", got)
	}
}

func TestGarbagePercent(t *testing.T) {
	const mebibyte = 1 << 20
	for _, c := range []struct {
		name        string
		live, floor uint64
		since       time.Duration
		want        int
	}{
		{"small and busy", 64 * mebibyte, 512 * mebibyte, time.Second, 800},
		{"tiny and busy", mebibyte, 512 * mebibyte, time.Second, 10_000},
		{"large and busy", 1024 * mebibyte, 512 * mebibyte, time.Second, 100},
		{"small and idle", 64 * mebibyte, 512 * mebibyte, 2 * time.Minute, 100},
	} {
		if got := garbagePercent(c.live, c.floor, c.since); got != c.want {
			t.Errorf("%s: %d %%, want %d %%", c.name, got, c.want)
		}
	}
}

// The first collections keep little garbage, those of a busy server much; never more than a small machine has room for.
func TestCurrentFloor(t *testing.T) {
	const mebibyte = 1 << 20
	for _, c := range []struct {
		name   string
		last   collection
		wanted uint64
	}{
		{"the start", collection{floor: 512 * mebibyte}, 64 * mebibyte},
		{"the end of the start", collection{floor: 512 * mebibyte, before: startCollections - 1}, 64 * mebibyte},
		{"after it", collection{floor: 512 * mebibyte, before: startCollections}, 512 * mebibyte},
		{"the start in a small container", collection{floor: 32 * mebibyte}, 32 * mebibyte},
	} {
		if got := c.last.currentFloor(); got != c.wanted {
			t.Errorf("%s: %d, want %d", c.name, got, c.wanted)
		}
	}
}

func TestGivesBack(t *testing.T) {
	const mebibyte = 1 << 20
	for _, c := range []struct {
		name       string
		live, held uint64
		since      time.Duration
		want       bool
	}{
		{"busy", 140 * mebibyte, 900 * mebibyte, time.Second, false},
		{"idle with garbage", 140 * mebibyte, 900 * mebibyte, 2 * time.Minute, true},
		{"idle", 140 * mebibyte, 300 * mebibyte, 2 * time.Minute, false},
		{"idle and large", 10240 * mebibyte, 15000 * mebibyte, 2 * time.Minute, false},
	} {
		if got := givesBack(c.live, c.held, c.since); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
