package tracing

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// scope is who made the spans.
const scope = "github.com/mckinsey/ark-server"

// Tracer is an mvcc.Tracer. It sends spans to where the span goes that it finds in a
// context, and makes none where there is none.
type Tracer struct{}

var _ mvcc.Tracer = Tracer{}

// Caller implements mvcc.Tracer.
func (Tracer) Caller(ctx context.Context) any {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return span
	}
	return nil
}

// Batch implements mvcc.Tracer.
func (Tracer) Batch(ctx context.Context, callers []any) (context.Context, func(error)) {
	first, ok := callers[0].(trace.Span)
	if !ok {
		return ctx, func(error) {}
	}
	ctx = trace.ContextWithSpan(ctx, first)
	ctx, batch := first.TracerProvider().Tracer(scope).Start(ctx, "store commit",
		trace.WithAttributes(attribute.Int("ark.batch.traced_requests", len(callers))))
	for _, c := range callers[1:] {
		if span, ok := c.(trace.Span); ok {
			batch.AddLink(trace.Link{SpanContext: span.SpanContext()})
			span.AddLink(trace.Link{SpanContext: batch.SpanContext()})
		}
	}
	return ctx, ender(batch)
}

// Start implements mvcc.Tracer.
func (Tracer) Start(ctx context.Context, name string, attributes ...mvcc.Attribute) (context.Context, func(error)) {
	ctx, span := trace.SpanFromContext(ctx).TracerProvider().Tracer(scope).Start(ctx, name)
	for _, a := range attributes {
		switch v := a.Value.(type) {
		case string:
			span.SetAttributes(attribute.String(a.Key, v))
		case int:
			span.SetAttributes(attribute.Int(a.Key, v))
		case int64:
			span.SetAttributes(attribute.Int64(a.Key, v))
		}
	}
	return ctx, ender(span)
}

func ender(span trace.Span) func(error) {
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, describe(err))
		}
		span.End()
	}
}

// describe names the kind of an error.
func describe(err error) string {
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, mvcc.ErrMoved, mvcc.ErrUnknownOutcome, mvcc.ErrNoSpace, mvcc.ErrUnavailable,
		mvcc.ErrCompacted, mvcc.ErrFutureRevision, mvcc.ErrClosed,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "failed: the server's log says why"
}
