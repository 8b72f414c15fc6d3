package server

import (
	"context"
	"strings"

	"github.com/mckinsey/ark-server/internal/apiserver/filters"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// deletionRoom is the most bytes that the deletion timestamp and its grace period add to an object.
const deletionRoom = 1 << 10

// annotate attaches the actor of a write to the context for the endpoint.
func annotate(ctx context.Context) context.Context {
	a, ok := filters.ActorFrom(ctx)
	if !ok {
		return ctx
	}
	if a.Verb == "delete" || a.Verb == "deletecollection" {
		// An object that exceeds the limit because the limit was lowered can still be marked as deleted.
		ctx = etcdserver.WithGrowth(ctx, deletionRoom)
	}
	return etcdserver.WithActor(ctx, mvcc.Actor{
		User: a.User, Groups: strings.Join(a.Groups, ","), Impersonator: a.Impersonator,
		UserAgent: a.UserAgent, FieldManager: a.FieldManager, AuditID: a.AuditID, Verb: a.Verb,
	})
}
