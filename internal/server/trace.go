package server

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/chat"
	"github.com/mckinsey/ark-server/internal/tracing"
)

// traceQueries creates the spans of Queries; nil without a tracer.
func traceQueries(tracer trace.TracerProvider) func(context.Context, *v1alpha1.Query) (context.Context, func(error)) {
	if tracer == nil {
		return nil
	}
	return func(ctx context.Context, q *v1alpha1.Query) (context.Context, func(error)) {
		id := tracing.QueryID{Namespace: q.Namespace, Name: q.Name, UID: string(q.UID)}
		if q.Spec.Target != nil {
			id.Target, id.TargetName = string(q.Spec.Target.Type), q.Spec.Target.Name
		}
		if q.Spec.ConversationID != nil {
			id.Conversation = *q.Spec.ConversationID
		}
		return tracing.Executions{Provider: tracer}.Query(ctx, q.Annotations[chat.AnnotationTrace], id)
	}
}

// traceModels creates the spans of calls of models; nil without a tracer.
func traceModels(tracer trace.TracerProvider) func(context.Context, string, string) (context.Context, func(string, int64, int64, error)) {
	if tracer == nil {
		return nil
	}
	return tracing.Executions{Provider: tracer}.Model
}
