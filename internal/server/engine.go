package server

import (
	"context"
	"errors"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// openEngine opens the database of an administrator. takesOver is StorageOptions.TakesOver.
func openEngine(ctx context.Context, admin Admin, takesOver bool) (mvcc.Engine, error) {
	open := admin.Open
	if takesOver {
		open = func(ctx context.Context) (mvcc.Engine, error) { return openAbove(ctx, admin) }
	}
	engine, err := open(ctx)
	if err != nil {
		return nil, about(SettingDatabase, err)
	}
	return engine, nil
}

// openAbove is Open for a database that takes over from a cluster's etcd: a new one begins far
// above the revisions that etcd has assigned. A client that resumes with one of those gets an error
// that it is compacted, and lists again. With a lower counter, a watch would miss all changes until
// the revision is reached.
func openAbove(ctx context.Context, admin Admin) (mvcc.Engine, error) {
	for try := 0; ; try++ {
		engine, err := admin.Open(ctx)
		if err != nil {
			return nil, err
		}
		st, err := engine.State(ctx)
		if err == nil && st.Revision > 1 {
			return engine, nil
		}
		if err = errors.Join(err, engine.Close()); err == nil {
			_, err = admin.Begin(ctx, DefaultBump)
		}
		if err == nil {
			continue
		}
		// Another replica that starts now may be doing the same.
		if try == beginTries {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(beginPause):
		}
	}
}

const (
	beginTries = 20
	beginPause = 100 * time.Millisecond
)
