package sqlquery

import (
	"context"
	"time"
)

const (
	// mostMemory is by how much the process may grow while a statement runs. SQLite keeps what it
	// sorts and materializes in memory: a statement with wide rows takes a gigabyte a second.
	mostMemory = 256 << 20
	// lookEvery is how often that is looked at.
	lookEvery = 10 * time.Millisecond
)

// watchMemory ends a statement when the process has grown too much since it began, until the
// context ends. SQLite does not count what a connection takes, so all that runs at the time counts.
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
