package history

import (
	"maps"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Stored is what rows of versions take: their keys and data, without the rows that find them.
type Stored struct{ Rows, Versions, Bytes int64 }

func (s *Stored) add(more Stored) {
	s.Rows += more.Rows
	s.Versions += more.Versions
	s.Bytes += more.Bytes
}

func sizeOf(row *mvcc.SideRow) int { return len(row.Key) + len(row.Data) }

// Stored is what the versions of each resource take, as the last pass of this replica that looked
// at all of them has left them; nil before the first one. A dry run is such a pass.
func (a *Archive) Stored() map[Resource]Stored {
	if known := a.stored.Load(); known != nil {
		return maps.Clone(*known)
	}
	return nil
}
