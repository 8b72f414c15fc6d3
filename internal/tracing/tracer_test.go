package tracing

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// gate is a real engine whose commits wait to be let through, or fail.
type gate struct {
	*sqlite.Engine
	entered chan struct{}
	open    chan error
}

func (g *gate) Commit(ctx context.Context, b *mvcc.Batch) error {
	g.entered <- struct{}{}
	if err := <-g.open; err != nil {
		return err
	}
	return g.Engine.Commit(ctx, b)
}

func put(key string) *mvcc.Txn {
	return &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte(key), Value: []byte("hush")}}}
}

// Writers that share a batch share its span: it is below one of theirs, and the others
// have links to it, and it to them.
func TestBatchLinks(t *testing.T) {
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{Engine: db, entered: make(chan struct{}), open: make(chan error)}
	store, err := mvcc.Open(t.Context(), g, mvcc.Options{Tracer: Tracer{}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))
	defer provider.Shutdown(context.Background())

	var writers sync.WaitGroup
	write := func(ctx context.Context, key string) {
		writers.Go(func() {
			if _, err := store.Txn(ctx, put(key), mvcc.Actor{}); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		})
	}
	queued := func(n int) {
		for deadline := time.Now().Add(time.Minute); store.Stats().Queue != n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d writes are queued, want %d", store.Stats().Queue, n)
			}
		}
	}
	spans := map[string]trace.Span{}
	traced := func(name string) context.Context {
		ctx, span := provider.Tracer("test").Start(context.Background(), name)
		spans[name] = span
		return ctx
	}
	write(t.Context(), "first") // has the database to itself, and nobody traces it
	<-g.entered
	for _, name := range []string{"a", "b"} {
		write(traced(name), name)
	}
	queued(2)
	g.open <- nil
	<-g.entered // a and b, together
	g.open <- nil
	writers.Wait()
	for _, span := range spans {
		span.End()
	}

	found := map[string]tracetest.SpanStub{}
	for _, s := range exporter.GetSpans() {
		found[s.Name] = s
	}
	batch, ok := found["store commit"]
	if !ok || len(exporter.GetSpans()) != 5 {
		t.Fatalf("spans: %v", found)
	}
	above, other := found["a"], found["b"]
	if batch.Parent.SpanID() != above.SpanContext.SpanID() {
		above, other = other, above
	}
	if batch.Parent.SpanID() != above.SpanContext.SpanID() {
		t.Errorf("the batch is below none of its writers")
	}
	if len(batch.Links) != 1 || batch.Links[0].SpanContext.SpanID() != other.SpanContext.SpanID() {
		t.Errorf("the batch has links %v", batch.Links)
	}
	if len(other.Links) != 1 || other.Links[0].SpanContext.SpanID() != batch.SpanContext.SpanID() || len(above.Links) != 0 {
		t.Errorf("links to the batch: %v, and of the one it is below: %v", other.Links, above.Links)
	}
	for _, statement := range []string{"INSERT log, state", "COMMIT"} {
		if found[statement].Parent.SpanID() != batch.SpanContext.SpanID() {
			t.Errorf("%q is not below the batch", statement)
		}
	}
}

// A failure is told by its kind: texts of databases may quote what was written.
func TestFailure(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))
	defer provider.Shutdown(context.Background())
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("near 'hush'"), "failed: the server's log says why"},
		{fmt.Errorf("%w: near 'hush'", mvcc.ErrUnknownOutcome), mvcc.ErrUnknownOutcome.Error()},
	} {
		exporter.Reset()
		_, end := Tracer{}.Start(ctx, "COMMIT", mvcc.Attribute{Key: "db.system.name", Value: "sqlite"})
		end(c.err)
		got := exporter.GetSpans()
		if len(got) != 1 || got[0].Status.Code != codes.Error || got[0].Status.Description != c.want || len(got[0].Events) > 0 {
			t.Errorf("%v is told as %+v", c.err, got)
		}
	}
	span.End()
}

// Nothing is made of what nobody traces.
func TestUntraced(t *testing.T) {
	if c := (Tracer{}).Caller(t.Context()); c != nil {
		t.Errorf("caller %v", c)
	}
}
