package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/servermark"
)

// openStore opens a store on an engine, and, on a database server, refuses one that is an older copy
// of what its mark remembers. It returns what has to be closed after it, in reverse order.
func openStore(ctx context.Context, o *options, engine mvcc.Engine, opts mvcc.Options) (*mvcc.Store, []func() error, error) {
	where := o.where().flag
	shared, onServer := engine.(mvcc.Shared)
	if !onServer || o.markFolder() == "" {
		store, err := mvcc.Open(ctx, engine, opts)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", where, err)
		}
		return store, []func() error{store.Close}, nil
	}
	keeper, err := openMark(o)
	if err != nil {
		return nil, nil, errors.Join(err, engine.Close())
	}
	opts.Published = keeper.Published
	opts.Loaded = func(ctx context.Context, st mvcc.State) error { return keeper.Check(ctx, shared, st) }
	store, err := mvcc.Open(ctx, engine, opts)
	var loss *servermark.LossError
	if errors.As(err, &loss) && !loss.Other && o.acceptDataLoss == loss.Store.String() {
		if engine, err = acceptLoss(ctx, o, loss); err != nil {
			return nil, nil, errors.Join(err, keeper.Close())
		}
		shared, _ = engine.(mvcc.Shared) // as before
		store, err = mvcc.Open(ctx, engine, opts)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", where, err), keeper.Close())
	}
	return store, []func() error{keeper.Close, store.Close}, nil
}

func openMark(o *options) (*servermark.Keeper, error) {
	flag := "--keys-dir=" + o.keys()
	if o.markDir != "" {
		flag = "--mark-dir=" + o.markDir
		// Nobody else makes it.
		if _, err := os.Stat(o.markDir); err != nil {
			return nil, fmt.Errorf("%s: %w: make the folder, on a volume that outlives the process", flag, err)
		}
	}
	keeper, err := servermark.Open(o.markFolder(), slog.Default())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return keeper, nil
}

// acceptLoss moves the counter past every revision that may have been handed out, which gives the store
// a new id too, and opens the engine again.
func acceptLoss(ctx context.Context, o *options, loss *servermark.LossError) (mvcc.Engine, error) {
	st, err := bump(ctx, o, max(loss.Revision-loss.Present, 0)+defaultBump)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.where().flag, err)
	}
	slog.Warn("a loss of data has been accepted: --accept-data-loss can be left out from now on", "missing", loss.Error(), "revision", st.Revision)
	return openEngine(ctx, o)
}
