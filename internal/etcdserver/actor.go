package etcdserver

import (
	"context"
	"encoding/json"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Who writes travels beside the request: as a value of the context within the
// process, and over gRPC as one metadata entry with the actor as JSON. The
// endpoint believes what it is told; whoever reaches it may write anyway.

// actorMetadata names the entry; "-bin" allows any bytes in it.
const actorMetadata = "ark-actor-bin"

// maxActorBytes bounds each field of an actor, and eight times that the
// encoded whole; headers have to stay small.
const maxActorBytes = 1024

type actorKey struct{}

// WithActor returns a context whose writes are recorded as made by a. Fields
// beyond 1024 bytes are cut.
func WithActor(ctx context.Context, a mvcc.Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, clipActor(a))
}

// ActorFrom returns the actor that ctx carries, as a value or as incoming
// metadata. None, or one that cannot be read, is the zero Actor: it never
// decides whether a write succeeds.
func ActorFrom(ctx context.Context) mvcc.Actor {
	if a, ok := ctx.Value(actorKey{}).(mvcc.Actor); ok {
		return a
	}
	var a mvcc.Actor
	values := metadata.ValueFromIncomingContext(ctx, actorMetadata)
	if len(values) != 1 || len(values[0]) > 8*maxActorBytes {
		return a
	}
	if err := json.Unmarshal([]byte(values[0]), &a); err != nil {
		return mvcc.Actor{}
	}
	return clipActor(a)
}

// ActorDialOptions make a gRPC client send the actor of each call's context.
func ActorDialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(outgoingActor(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return stream(outgoingActor(ctx), desc, cc, method, opts...)
		}),
	}
}

func outgoingActor(ctx context.Context) context.Context {
	a, ok := ctx.Value(actorKey{}).(mvcc.Actor)
	if !ok || a == (mvcc.Actor{}) {
		return ctx
	}
	encoded, err := json.Marshal(a)
	if err != nil || len(encoded) > 8*maxActorBytes {
		return ctx // an actor full of escapes; who wrote stays unknown
	}
	return metadata.AppendToOutgoingContext(ctx, actorMetadata, string(encoded))
}

func clipActor(a mvcc.Actor) mvcc.Actor {
	for _, f := range []*string{&a.User, &a.Groups, &a.Impersonator, &a.UserAgent, &a.FieldManager, &a.AuditID, &a.Verb} {
		if len(*f) > maxActorBytes {
			*f = (*f)[:maxActorBytes]
		}
	}
	return a
}
