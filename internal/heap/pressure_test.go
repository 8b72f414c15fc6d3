package heap

import (
	"runtime"
	"testing"
)

// A pressure begins at its bound and ends well below it.
func TestPressure(t *testing.T) {
	for _, c := range []struct {
		used, limit uint64
		before      Pressure
		want        Pressure
	}{
		{99, 0, Low, Low},
		{89, 100, Low, Low}, {90, 100, Low, High}, {86, 100, High, High}, {84, 100, High, Low},
		{96, 100, High, High}, {97, 100, High, Full}, {93, 100, Full, Full}, {91, 100, Full, High}, {50, 100, Full, Low},
		{120, 100, Low, Full},
	} {
		if got := pressure(c.used, c.limit, c.before); got != c.want {
			t.Errorf("%d of %d after %d: %d, want %d", c.used, c.limit, c.before, got, c.want)
		}
	}
}

// What is live counts, garbage does not.
func TestUseIsWhatIsLive(t *testing.T) {
	runtime.GC()
	before := read().used
	held := make([]byte, 256*mebibyte)
	for range 8 {
		sink = make([]byte, 64*mebibyte)
	}
	sink = nil
	runtime.GC()
	if got := read().used; got < before+255*mebibyte || got > before+320*mebibyte {
		t.Errorf("%d MiB are used with 256 MiB live, %d MiB before", got/mebibyte, before/mebibyte)
	}
	runtime.KeepAlive(held)
	held = nil
	runtime.GC()
	if got := read().used; got > before+64*mebibyte {
		t.Errorf("%d MiB are used once they are free, %d MiB before", got/mebibyte, before/mebibyte)
	}
}
