package heap

import "sync/atomic"

// Pressure is how near the process is to the limit on its memory.
type Pressure int32

// The pressures, each with what a server does about it.
const (
	// Low is the normal one, also without a limit.
	Low Pressure = iota
	// High is above nine tenths of the limit, until a twentieth below it: take on nothing that needs
	// memory for long.
	High
	// Full is above 97 hundredths, until a twentieth below it: hold no more than there is.
	Full
)

// Use is what the process has of its memory.
type Use struct {
	// Used are the bytes that cannot be freed: what is live on the heap, stacks, and Go's own.
	Used uint64
	// Limit is the most that Go lets the process have, 0 where there is no limit. See Limit.
	Limit    uint64
	Pressure Pressure
}

var current struct {
	used     atomic.Uint64
	pressure atomic.Int32
}

// Current returns the use that the last look found: after a collection, and every ten seconds.
// Before Tune it is empty. It costs next to nothing.
func Current() Use {
	return Use{Used: current.used.Load(), Limit: Limit(), Pressure: CurrentPressure()}
}

// CurrentPressure is Current's, for requests.
func CurrentPressure() Pressure { return Pressure(current.pressure.Load()) }

// noteUse keeps what the process uses, and returns its pressure before and now.
func noteUse(used uint64) (before, now Pressure) {
	before = CurrentPressure()
	now = pressure(used, Limit(), before)
	current.used.Store(used)
	current.pressure.Store(int32(now))
	return before, now
}

// pressure leaves a pressure only a twentieth of the limit below where it begins, so that what is
// shed does not come and go.
func pressure(used, limit uint64, before Pressure) Pressure {
	if limit == 0 {
		return Low
	}
	part := float64(used) / float64(limit)
	for _, p := range []struct {
		Pressure
		from float64
	}{{Full, 0.97}, {High, 0.90}} {
		if part >= p.from || before >= p.Pressure && part >= p.from-0.05 {
			return p.Pressure
		}
	}
	return Low
}
