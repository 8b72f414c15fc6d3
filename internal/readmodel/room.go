package readmodel

import (
	"context"
	"log/slog"
	"time"

	"github.com/mckinsey/ark-server/internal/diskspace"
)

// The model leaves a 16th of its disk free, within these bounds. The model can be rebuilt; the
// database that it is a copy of, which is mostly on the same disk, cannot.
const (
	leastRoom = 16 << 20
	mostRoom  = 256 << 20
	roomEvery = 2 * time.Second
)

// hasRoom reports whether a disk of a given size has enough free space for writes to the model; it
// returns true if neither is known.
func hasRoom(total, free int64) bool {
	room := min(max(total/16, leastRoom), mostRoom, total/3)
	return total < 0 || free >= room
}

// awaitRoom waits until there is space on the disk again. Until then the model falls behind, which
// its answers report.
func (m *Model) awaitRoom(ctx context.Context) error {
	if hasRoom(diskspace.Of(m.path)) {
		return nil
	}
	// The model's write-ahead log does not shrink by itself.
	if _, err := m.emptyLog(ctx); err != nil {
		return err
	}
	total, free := diskspace.Of(m.path)
	if hasRoom(total, free) {
		return nil
	}
	slog.Warn("the disk has hardly any space left: the read model leaves it to the database, and falls behind until there is more", "path", m.path, "freeBytes", free)
	for !hasRoom(diskspace.Of(m.path)) {
		select {
		case <-time.After(roomEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	slog.Info("there is space on the disk again: the read model goes on", "path", m.path)
	return nil
}
