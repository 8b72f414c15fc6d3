package postgres

import (
	"fmt"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

func TestGoneBack(t *testing.T) {
	enginetest.GoneBack(t, func(t *testing.T) (func() mvcc.Shared, func(int64)) {
		cfg := shared.Database(t)
		return func() mvcc.Shared { return open(t, cfg) }, func(first int64) {
			execute(t, cfg, fmt.Sprintf("DELETE FROM ark_log WHERE id >= %d; DELETE FROM ark_state WHERE id >= %[1]d", rows.ID(first, 0)))
		}
	})
}
