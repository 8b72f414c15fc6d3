package postgres

import (
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// TestTransactionPooler: two replicas behind a pooler that gives each transaction another
// session of the server keep the whole contract. They hear of each other by looking,
// because notifications do not get through.
func TestTransactionPooler(t *testing.T) {
	enginetest.RunShared(t, func(t *testing.T) (a, b mvcc.Shared) {
		cfg := localDatabase(t)
		sqltest.StartPgBouncer(t, &cfg)
		return open(t, cfg), open(t, cfg)
	})
}
