package sqlquery

import (
	"context"
	"time"
)

const (
	// mostMemory is how much the process may grow while a statement runs. SQLite keeps sorted and
	// materialized rows in memory: a statement with wide rows takes a gigabyte a second.
	mostMemory = 256 << 20
	// lookEvery is the interval at which that is checked.
	lookEvery = 10 * time.Millisecond
)

// watchMemory ends a statement if the process has grown too much since the statement began, until
// the context ends. SQLite does not count the memory of a connection, so the growth includes
// everything else that runs at the same time.
func watchMemory(ctx context.Context, end context.CancelCauseFunc) {
	begin := resident()
	if begin == 0 {
		return
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if resident() > begin+mostMemory {
				end(ErrMemory)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
