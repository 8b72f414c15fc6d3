package readmodel

import (
	"context"
	"log/slog"
	"time"

	"github.com/mckinsey/ark-server/internal/diskspace"
)

// The model leaves a 16th of its disk to others, within these bounds: it can be built again, and
// the database that it is a copy of, which mostly lies beside it, cannot.
const (
	leastRoom = 16 << 20
	mostRoom  = 256 << 20
	roomEvery = 2 * time.Second
)

// hasRoom reports whether a disk of a size has so much free that the model may write; also where
// neither is known.
func hasRoom(total, free int64) bool {
	room := min(max(total/16, leastRoom), mostRoom, total/3)
	return total < 0 || free >= room
}

// awaitRoom waits until there is space on the disk again. Meanwhile the model falls behind, which
// its answers say.
func (m *Model) awaitRoom(ctx context.Context) error {
	if hasRoom(diskspace.Of(m.path)) {
		return nil
	}
	// The model's own log keeps the size that it once had.
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
