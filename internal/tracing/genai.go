package tracing

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceparent is the name of W3C's header, which is what a Query carries.
const traceparent = "traceparent"

// Parent returns the span of a context in the form of W3C's header traceparent; "" where there is
// none that is recorded.
func Parent(ctx context.Context) string {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceparent]
}

// Executions makes spans of what executes Queries, by the semantic conventions of OpenTelemetry for
// generative AI. They hold names and numbers, and no texts of questions or answers.
type Executions struct{ Provider trace.TracerProvider }

// QueryID says which Query is executed.
type QueryID struct {
	Namespace, Name, UID string
	// Target is the kind of whom it asks, and TargetName the name.
	Target, TargetName string
	// Conversation is "" for none.
	Conversation string
}

// Query begins the span of a Query, below the one that parent names by the header traceparent; ""
// for none. The function ends it.
func (e Executions) Query(ctx context.Context, parent string, q QueryID) (context.Context, func(error)) {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{traceparent: parent})
	attributes := []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", "invoke_agent"),
		attribute.String("ark.namespace", q.Namespace), attribute.String("ark.query.name", q.Name), attribute.String("ark.query.uid", q.UID),
		attribute.String("ark.target", q.Target+"/"+q.TargetName),
	}
	name := "execute query"
	if q.Target == "agent" || q.Target == "team" {
		name = "invoke_agent " + q.TargetName
		attributes = append(attributes, attribute.String("gen_ai.agent.name", q.TargetName))
	} else {
		attributes = attributes[1:]
	}
	if q.Conversation != "" {
		attributes = append(attributes, attribute.String("gen_ai.conversation.id", q.Conversation))
	}
	ctx, span := e.Provider.Tracer(scope).Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(err error) { endGenAI(span, err) }
}

// providers are the conventions' names of those that Ark has.
var providers = map[string]string{"azure": "azure.ai.openai", "bedrock": "aws.bedrock"}

// Model begins the span of a call of a model. model is the provider's name for it. The function
// ends it with what the provider has counted.
func (e Executions) Model(ctx context.Context, provider, model string) (context.Context, func(finish string, prompt, completion int64, err error)) {
	if known, ok := providers[provider]; ok {
		provider = known
	}
	ctx, span := e.Provider.Tracer(scope).Start(ctx, "chat "+model, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("gen_ai.operation.name", "chat"), attribute.String("gen_ai.provider.name", provider), attribute.String("gen_ai.request.model", model),
	))
	return ctx, func(finish string, prompt, completion int64, err error) {
		if err == nil {
			span.SetAttributes(attribute.Int64("gen_ai.usage.input_tokens", prompt), attribute.Int64("gen_ai.usage.output_tokens", completion))
			if finish != "" {
				span.SetAttributes(attribute.StringSlice("gen_ai.response.finish_reasons", []string{finish}))
			}
		}
		endGenAI(span, err)
	}
}

// endGenAI ends a span. Errors of models may quote what was asked, so only their kind is told.
func endGenAI(span trace.Span, err error) {
	if err != nil {
		kind := "_OTHER"
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			kind = "timeout"
		case errors.Is(err, context.Canceled):
			kind = "canceled"
		}
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
