package history

import (
	"maps"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Stored is the size of rows of versions: their keys and data, without the index rows.
type Stored struct{ Rows, Versions, Bytes int64 }

func (s *Stored) add(more Stored) {
	s.Rows += more.Rows
	s.Versions += more.Versions
	s.Bytes += more.Bytes
}

func sizeOf(row *mvcc.SideRow) int { return len(row.Key) + len(row.Data) }

// Stored returns the size of the versions of each resource after the last complete pass of this
// replica; nil before the first one. A dry run counts as a pass.
func (a *Archive) Stored() map[Resource]Stored {
	if known := a.stored.Load(); known != nil {
		return maps.Clone(*known)
	}
	return nil
}
