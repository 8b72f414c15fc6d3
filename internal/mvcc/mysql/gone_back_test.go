package mysql

import (
	"fmt"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

func TestGoneBack(t *testing.T) {
	t.Parallel()
	enginetest.GoneBack(t, func(t *testing.T) (func() mvcc.Shared, func(int64)) {
		cfg := server.Database(t)
		return func() mvcc.Shared { return open(t, cfg) }, func(first int64) {
			e := open(t, cfg)
			defer e.Close()
			exec(t, session(t, e),
				fmt.Sprintf("DELETE FROM ark_log WHERE id>=%d", rows.ID(first, 0)), fmt.Sprintf("DELETE FROM ark_state WHERE id>=%d", rows.ID(first, 0)),
				"SET @batch=(SELECT batch FROM ark_log ORDER BY id DESC LIMIT 1)",
				fmt.Sprintf("UPDATE ark_counter SET revision=%d, batch=@batch, newest=@batch", first-1))
		}
	})
}
