package heap

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestLimit(t *testing.T) {
	container := fstest.MapFS{
		"proc/self/cgroup":         {Data: []byte("0::/\n")},
		"sys/fs/cgroup/memory.max": {Data: []byte("10737418240\n")},
	}
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	debug.SetMemoryLimit(math.MaxInt64)

	limit(fstest.MapFS{})
	if got := Limit(); got != 0 {
		t.Errorf("without a container the limit is %d", got)
	}
	t.Setenv("GOMEMLIMIT", "1GiB")
	limit(container)
	if got := Limit(); got != 0 {
		t.Errorf("GOMEMLIMIT is set, and the limit is now %d", got)
	}
	t.Setenv("GOMEMLIMIT", "")
	limit(container)
	if got := Limit(); got != 9663676416 {
		t.Errorf("with 10 GiB the limit is %d", got)
	}
	if room, most := Share(64<<20, 16), Share(1<<40, 16); room != 64<<20 || most != 9663676416/16 {
		t.Errorf("with 10 GiB a sixteenth of 64 MiB is %d, of a TiB %d", room, most)
	}
	if got := mostGarbage(fstest.MapFS{}); got != garbageOfBusy {
		t.Errorf("on a machine that says nothing: %d of garbage", got)
	}
	container["sys/fs/cgroup/memory.max"].Data = []byte("1073741824\n")
	if got := mostGarbage(container); got != 128<<20 {
		t.Errorf("in a container of 1 GiB: %d of garbage", got)
	}
}
