package registry

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineQuery() Kind {
	return define(definition[v1alpha1.Query, v1alpha1.QuerySpec, *v1alpha1.QueryStatus]{
		spec:   func(o *v1alpha1.Query) *v1alpha1.QuerySpec { return &o.Spec },
		status: func(o *v1alpha1.Query) **v1alpha1.QueryStatus { return &o.Status },
		columns: []column[v1alpha1.Query]{
			{name: "Type", kind: "string", path: ".spec.type", cell: func(o *v1alpha1.Query) any {
				return text(o.Spec.Type)
			}},
			{name: "Phase", kind: "string", path: ".status.phase", cell: func(o *v1alpha1.Query) any {
				return optional(o.Status, func(s *v1alpha1.QueryStatus) any { return text(s.Phase) })
			}},
			{name: "Duration", kind: "string", path: ".status.duration", cell: func(o *v1alpha1.Query) any {
				return optional(o.Status, func(s *v1alpha1.QueryStatus) any { return text(s.Duration) })
			}},
			age[v1alpha1.Query](),
			{name: "Target", kind: "string", path: ".spec.target", wide: true, cell: func(o *v1alpha1.Query) any {
				return optional(o.Spec.Target, func(x *v1alpha1.QueryTarget) any { return word(string(x.Type) + "/" + x.Name) })
			}},
			{name: "Session", kind: "string", path: ".spec.sessionId", wide: true, cell: func(o *v1alpha1.Query) any {
				return text(o.Spec.SessionID)
			}},
			{name: "Tokens", kind: "integer", path: ".status.tokenUsage.totalTokens", wide: true, cell: func(o *v1alpha1.Query) any {
				return optional(o.Status, func(s *v1alpha1.QueryStatus) any {
					return optional(s.TokenUsage, func(u *v1alpha1.TokenUsage) any { return number(u.TotalTokens) })
				})
			}},
		},
		fields: []selectable[v1alpha1.Query]{
			{path: "status.phase", value: func(o *v1alpha1.Query) string {
				return selected(o.Status, func(s *v1alpha1.QueryStatus) any { return text(s.Phase) })
			}},
			{path: "spec.target.name", value: func(o *v1alpha1.Query) string {
				return selected(o.Spec.Target, func(r *v1alpha1.QueryTarget) any { return word(r.Name) })
			}},
			{path: "spec.target.type", value: func(o *v1alpha1.Query) string {
				return selected(o.Spec.Target, func(t *v1alpha1.QueryTarget) any { return word(t.Type) })
			}},
			{path: "spec.sessionId", value: func(o *v1alpha1.Query) string { return textOf(o.Spec.SessionID) }},
			{path: "spec.conversationId", value: func(o *v1alpha1.Query) string { return textOf(o.Spec.ConversationID) }},
		},
		durations: func(o *v1alpha1.Query) []place { return []place{&o.Spec.TTL, &o.Spec.Timeout} },
		statusDurations: func(o *v1alpha1.Query) []place {
			if o.Status == nil {
				return []place{nil}
			}
			return []place{&o.Status.Duration}
		},
		hooks: hooks[*v1alpha1.Query]{
			goDurations: true,
			defaults:    rules.DefaultQuery,
			authorize:   mayRunAs,
			check:       rules.CheckQuery,
			begin:       beginQuery,
			warn:        func(_ context.Context, _ rules.Env, o *v1alpha1.Query) []string { return rules.MigrationWarnings(o) },
		},
	})
}

// beginQuery makes a query pending, with the words that Ark's controller has for it.
func beginQuery(q *v1alpha1.Query, now time.Time) {
	phase, message, generation := v1alpha1.QueryPending, "The query has not been started yet", int64(1)
	q.Status = &v1alpha1.QueryStatus{Phase: &phase, Conditions: []v1alpha1.Condition{{
		Type: "Completed", Status: v1alpha1.ConditionFalse, Reason: "QueryNotStarted", Message: &message,
		ObservedGeneration: &generation, LastTransitionTime: metav1.NewTime(now),
	}}}
}
