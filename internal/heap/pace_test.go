package heap

import (
	"testing"
	"time"
)

const mebibyte = 1 << 20

// The headroom is what keeps the collector at its share, within bounds.
func TestHeadroom(t *testing.T) {
	for _, c := range []struct {
		name string
		live uint64
		rate uint64        // bytes a second
		cost time.Duration // of a collection
		most uint64
		want uint64
	}{
		{"small and idle", 60 * mebibyte, mebibyte, 40 * time.Millisecond, 512 * mebibyte, 64 * mebibyte},
		{"small and busy", 60 * mebibyte, 400 * mebibyte, 60 * time.Millisecond, 512 * mebibyte, 384 * mebibyte},
		{"small and as busy as can be", 60 * mebibyte, 2000 * mebibyte, 60 * time.Millisecond, 512 * mebibyte, 512 * mebibyte},
		{"large and idle", 4096 * mebibyte, mebibyte, 2 * time.Second, 512 * mebibyte, 512 * mebibyte},
		{"large with some load", 1024 * mebibyte, 20 * mebibyte, 700 * time.Millisecond, 512 * mebibyte, 224 * mebibyte},
		{"large and busy", 1024 * mebibyte, 400 * mebibyte, 700 * time.Millisecond, 512 * mebibyte, 1024 * mebibyte},
		{"collections too short to measure", 1024 * mebibyte, 40 * mebibyte, 0, 512 * mebibyte, 160 * mebibyte},
		{"in a small container", 60 * mebibyte, 400 * mebibyte, 60 * time.Millisecond, 32 * mebibyte, 60 * mebibyte},
		{"idle in a small container", 60 * mebibyte, mebibyte, 60 * time.Millisecond, 32 * mebibyte, 32 * mebibyte},
	} {
		began := time.Now()
		p := &pacer{most: c.most, procs: 2, last: reading{at: began}}
		now := reading{at: began.Add(4 * time.Second), live: c.live, allocated: 4 * c.rate, spent: 4 * c.cost, cycles: 4}
		if got := p.headroom(now); got < c.want*99/100 || got > c.want*101/100 {
			t.Errorf("%s: %d MiB, want %d MiB", c.name, got/mebibyte, c.want/mebibyte)
		}
	}
}

// A load that ends takes its headroom with it, without a collection in between.
func TestHeadroomShrinks(t *testing.T) {
	now := reading{at: time.Now()}
	p := &pacer{most: 512 * mebibyte, procs: 2, last: now}
	step := func(d time.Duration, allocated uint64, cycles uint64) uint64 {
		now.at, now.allocated, now.cycles = now.at.Add(d), now.allocated+allocated, now.cycles+cycles
		now.spent += time.Duration(cycles) * 100 * time.Millisecond
		now.live = 200 * mebibyte
		return p.headroom(now)
	}
	if got := step(time.Second, 400*mebibyte, 1); got != 512*mebibyte {
		t.Errorf("under load: %d MiB", got/mebibyte)
	}
	if got := step(lookEvery, mebibyte, 0); got != 64*mebibyte {
		t.Errorf("after it: %d MiB", got/mebibyte)
	}
	if got := step(0, 0, 0); got != 64*mebibyte {
		t.Errorf("at the same time: %d MiB", got/mebibyte)
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		headroom, live uint64
		want           int
	}{
		{512 * mebibyte, 64 * mebibyte, 800},
		{512 * mebibyte, 0, 10_000},
		{64 * mebibyte, 64 << 30, 1},
	} {
		if got := percent(c.headroom, c.live); got != c.want {
			t.Errorf("%d beside %d: %d %%, want %d %%", c.headroom, c.live, got, c.want)
		}
	}
}

func TestGivesBack(t *testing.T) {
	for _, c := range []struct {
		name                 string
		live, held, headroom uint64
		want                 bool
	}{
		{"busy", 140 * mebibyte, 900 * mebibyte, 512 * mebibyte, false},
		{"idle with garbage", 140 * mebibyte, 900 * mebibyte, 64 * mebibyte, true},
		{"idle", 140 * mebibyte, 220 * mebibyte, 64 * mebibyte, false},
		{"idle and large", 10240 * mebibyte, 12000 * mebibyte, 1280 * mebibyte, false},
		{"idle and large with garbage", 10240 * mebibyte, 15000 * mebibyte, 1280 * mebibyte, true},
	} {
		if got := givesBack(c.live, c.held, c.headroom); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
