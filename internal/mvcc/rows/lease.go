package rows

import (
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// Lease is a row of the table of leases, as far as all engines have it.
type Lease struct {
	ID       int64
	TTL      int64 // seconds, as granted
	Deadline int64 // milliseconds since 1970
}

// LeaseOf returns the row of a lease.
func LeaseOf(l mvcc.Lease) Lease { return Lease{int64(l.ID), l.TTL, l.Deadline.UnixMilli()} }

// Columns are those of the row, in a table or an alias of it.
func (l *Lease) Columns(table string) named.Columns {
	return named.Columns{
		named.Of(table, "id", &l.ID),
		named.Of(table, "ttl", &l.TTL),
		named.Of(table, "deadline", &l.Deadline),
	}
}

// Lease is the lease that the row is of.
func (l *Lease) Lease() mvcc.Lease {
	return mvcc.Lease{ID: mvcc.LeaseID(l.ID), TTL: l.TTL, Deadline: time.UnixMilli(l.Deadline)}
}
