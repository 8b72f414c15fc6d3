package mvcc

import "context"

// Tracer makes spans of what the store does for its callers. Its methods may be called
// from any goroutine.
type Tracer interface {
	// Caller returns what a batch needs to know of the trace that ctx belongs to, and
	// nil if there is none that is recorded.
	Caller(ctx context.Context) any
	// Batch begins the span of a batch which does the work of these callers, at least
	// one. The returned function ends it.
	Batch(ctx context.Context, callers []any) (context.Context, func(error))
	// Start begins a span below the one that ctx carries.
	Start(ctx context.Context, name string, attributes ...Attribute) (context.Context, func(error))
}

// Attribute says something about a span. Values are never those of objects.
type Attribute struct {
	Key   string
	Value any // string, int or int64
}

type tracerKey struct{}

// StartSpan begins a span for a part of a batch, such as a statement; the returned
// function ends it. Unless the batch is traced it does nothing, for the price of a
// look into ctx. Engines use it.
func StartSpan(ctx context.Context, name string, attributes ...Attribute) (context.Context, func(error)) {
	if t, ok := ctx.Value(tracerKey{}).(Tracer); ok {
		return t.Start(ctx, name, attributes...)
	}
	return ctx, func(error) {}
}

// caller remembers the trace of whoever submits a request, if it has one.
func (s *Store) caller(ctx context.Context) any {
	if s.opts.Tracer == nil {
		return nil
	}
	return s.opts.Tracer.Caller(ctx)
}

// trace begins the span of a batch for the requests that it may take in.
func (s *sequencer) trace(ctx context.Context, reqs []*request) (context.Context, func(error)) {
	if s.opts.Tracer == nil {
		return ctx, func(error) {}
	}
	var callers []any
	for _, r := range reqs[:min(len(reqs), s.opts.BatchRequests)] {
		if r.caller != nil {
			callers = append(callers, r.caller)
		}
	}
	if len(callers) == 0 {
		return ctx, func(error) {}
	}
	ctx, end := s.opts.Tracer.Batch(ctx, callers)
	return context.WithValue(ctx, tracerKey{}, s.opts.Tracer), end
}
