package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

// ReadModelOptions configure the copy of the objects for SQL.
type ReadModelOptions struct {
	// Path is its file, which is created if it is missing; "" for none.
	Path string
	// MaxBytes bounds the file, 0 for no bound.
	MaxBytes int64
}

// feed adapts a store to the read model.
type feed struct {
	store *mvcc.Store
	id    string
}

// feedBytes is approximately how many bytes are read from the store at a time.
const feedBytes = 4 << 20

var feedSpan = mvcc.Span{Key: []byte(readmodel.Prefix), End: []byte(readmodel.Prefix[:len(readmodel.Prefix)-1] + "0")} // 0 follows /

// ID implements readmodel.Source.
func (f feed) ID() string { return f.id }

// Revision implements readmodel.Source.
func (f feed) Revision() int64 { return f.store.Revision() }

// Snapshot implements readmodel.Source. The values belong to the store, and are not copied.
func (f feed) Snapshot(ctx context.Context) ([]readmodel.Change, int64, error) {
	found, err := f.store.Range(ctx, &mvcc.Range{Span: feedSpan})
	if err != nil {
		return nil, 0, err
	}
	changes := make([]readmodel.Change, len(found.KVs))
	for i, kv := range found.KVs {
		changes[i] = readmodel.Change{Key: string(kv.Key), Value: kv.Value, Revision: kv.ModRevision}
	}
	return changes, found.Revision, nil
}

// Next implements readmodel.Source.
func (f feed) Next(ctx context.Context, after int64) ([]readmodel.Change, int64, error) {
	for {
		changed := f.store.Changed()
		polled, err := f.store.Watch(feedSpan, after+1).Poll(ctx, feedBytes)
		if errors.Is(err, mvcc.ErrCompacted) {
			return nil, 0, readmodel.ErrGone
		}
		if err != nil {
			return nil, 0, err
		}
		if polled.Revision > after {
			changes := make([]readmodel.Change, len(polled.Events))
			for i, e := range polled.Events {
				changes[i] = readmodel.Change{Key: string(e.KV.Key), Revision: e.KV.ModRevision}
				if e.Type == mvcc.EventPut {
					changes[i].Value = e.KV.Value
				}
			}
			return changes, polled.Revision, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		}
	}
}

// storeID returns an identifier that distinguishes a database from all others, including one that
// replaces it.
func storeID(ctx context.Context, summary string, engine mvcc.Engine) (string, error) {
	if named, ok := engine.(interface{ StoreID() string }); ok {
		return summary + " " + named.StoreID(), nil
	}
	st, err := engine.State(ctx)
	return fmt.Sprintf("%s %x", summary, uint64(st.Store)), err
}

// openReadModel opens the read model of a store, which follows the store until the storage is
// closed. If the model cannot be opened, the server runs without it, and the error is logged.
func openReadModel(ctx context.Context, o Options, store *mvcc.Store, id string, reader history.Reader) (*readmodel.Model, func() error) {
	none := func() error { return nil }
	if o.ReadModel.Path == "" {
		return nil, none
	}
	model, err := readmodel.Open(ctx, o.ReadModel.Path, feed{store, id}, readmodel.Options{MaxBytes: o.ReadModel.MaxBytes, Past: pastOf(reader)})
	if err != nil {
		if ctx.Err() == nil { // otherwise the start was stopped, which is no error of the file
			slog.Warn("there is no read model, so SQL is not served", "err", err, "fix", "choose another file with --read-model-path, or --read-model=off")
		}
		return nil, none
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { defer close(ended); model.Run(running) }()
	return model, func() error {
		stop()
		<-ended
		model.Close()
		return nil
	}
}
