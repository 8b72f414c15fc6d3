package storage

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

// withActor has the context of each write say who writes, for the storage's client.
type withActor struct {
	storage.Interface
	annotate func(context.Context) context.Context
}

func (s withActor) context(ctx context.Context) context.Context {
	if s.annotate == nil {
		return ctx
	}
	return s.annotate(ctx)
}

// Create implements storage.Interface.
func (s withActor) Create(ctx context.Context, key string, obj, out runtime.Object, ttl uint64) error {
	return s.Interface.Create(s.context(ctx), key, obj, out, ttl)
}

// Delete implements storage.Interface.
func (s withActor) Delete(ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions, validate storage.ValidateObjectFunc, cached runtime.Object, opts storage.DeleteOptions) error {
	return s.Interface.Delete(s.context(ctx), key, out, preconditions, validate, cached, opts)
}

// GuaranteedUpdate implements storage.Interface.
func (s withActor) GuaranteedUpdate(ctx context.Context, key string, destination runtime.Object, ignoreNotFound bool, preconditions *storage.Preconditions, update storage.UpdateFunc, cached runtime.Object) error {
	return s.Interface.GuaranteedUpdate(s.context(ctx), key, destination, ignoreNotFound, preconditions, update, cached)
}
