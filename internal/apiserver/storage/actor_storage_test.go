package storage

import (
	"context"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

type markKey struct{}

type userKey struct{}

// recording notes the mark in the context of each write.
type recording struct {
	storage.Interface
	marks *[]any
}

func (r recording) Create(ctx context.Context, _ string, _, _ runtime.Object, _ uint64) error {
	*r.marks = append(*r.marks, ctx.Value(markKey{}))
	return nil
}

func (r recording) Delete(ctx context.Context, _ string, _ runtime.Object, _ *storage.Preconditions, _ storage.ValidateObjectFunc, _ runtime.Object, _ storage.DeleteOptions) error {
	*r.marks = append(*r.marks, ctx.Value(markKey{}))
	return nil
}

func (r recording) GuaranteedUpdate(ctx context.Context, _ string, _ runtime.Object, _ bool, _ *storage.Preconditions, _ storage.UpdateFunc, _ runtime.Object) error {
	*r.marks = append(*r.marks, ctx.Value(markKey{}))
	return nil
}

func TestActorReachesTheStorage(t *testing.T) {
	var marks []any
	annotate := func(ctx context.Context) context.Context {
		return context.WithValue(ctx, markKey{}, ctx.Value(userKey{}))
	}
	writeAll := func(s storage.Interface, ctx context.Context) {
		_ = s.Create(ctx, "", nil, nil, 0)
		_ = s.Delete(ctx, "", nil, nil, nil, nil, storage.DeleteOptions{})
		_ = s.GuaranteedUpdate(ctx, "", nil, false, nil, nil, nil)
	}
	known := context.WithValue(context.Background(), userKey{}, "alice")
	writeAll(withActor{Interface: recording{marks: &marks}, annotate: annotate}, known)
	writeAll(withActor{Interface: recording{marks: &marks}, annotate: annotate}, context.Background())
	writeAll(withActor{Interface: recording{marks: &marks}}, known)
	want := []any{"alice", "alice", "alice", nil, nil, nil, nil, nil, nil}
	if !reflect.DeepEqual(marks, want) {
		t.Errorf("got %v, want %v", marks, want)
	}
}
