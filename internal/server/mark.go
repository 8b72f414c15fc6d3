package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/servermark"
)

// openStore opens a store on an engine. On a database server, it refuses a store that is older than
// its mark. It returns the functions that close what has to be closed after the store, in reverse
// order.
func openStore(ctx context.Context, o StorageOptions, admin Admin, engine mvcc.Engine, opts mvcc.Options) (*mvcc.Store, []func() error, error) {
	shared, onServer := engine.(mvcc.Shared)
	if !onServer || o.MarkFolder == "" {
		store, err := mvcc.Open(ctx, engine, opts)
		if err != nil {
			return nil, nil, about(SettingStorage, err)
		}
		return store, []func() error{store.Close}, nil
	}
	keeper, err := openMark(o)
	if err != nil {
		return nil, nil, errors.Join(about(SettingMark, err), engine.Close())
	}
	opts.Published, opts.SidePublished = keeper.Published, keeper.SidePublished
	opts.Loaded = func(ctx context.Context, st mvcc.State) error { return keeper.Check(ctx, shared, st) }
	store, err := mvcc.Open(ctx, engine, opts)
	var loss *servermark.LossError
	if errors.As(err, &loss) && !loss.Other && o.AcceptDataLoss != nil && *o.AcceptDataLoss == loss.Store {
		if engine, err = acceptLoss(ctx, admin, loss); err != nil {
			return nil, nil, errors.Join(about(SettingDatabase, err), keeper.Close())
		}
		shared, _ = engine.(mvcc.Shared) // the same assertion as for the first engine
		store, err = mvcc.Open(ctx, engine, opts)
	}
	if err != nil {
		return nil, nil, errors.Join(about(SettingStorage, err), keeper.Close())
	}
	return store, []func() error{keeper.Close, store.Close}, nil
}

func openMark(o StorageOptions) (*servermark.Keeper, error) {
	if o.MarkFolderMade {
		if _, err := os.Stat(o.MarkFolder); err != nil {
			return nil, fmt.Errorf("%w: make the folder, on a volume that outlives the process", err)
		}
	}
	return servermark.Open(o.MarkFolder, slog.Default())
}

// acceptLoss advances the counter past every revision that may have been assigned, which also gives
// the store a new id, and reopens the engine.
func acceptLoss(ctx context.Context, admin Admin, loss *servermark.LossError) (mvcc.Engine, error) {
	st, err := admin.Bump(ctx, max(loss.Revision-loss.Present, 0)+DefaultBump)
	if err != nil {
		return nil, err
	}
	slog.Warn("a loss of data has been accepted: what accepts it is used up, leave it out from now on", "missing", loss.Error(), "revision", st.Revision)
	return admin.Open(ctx)
}
