package storage

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/storage"
)

// withActor has the context of each write say who writes, for the storage's client, and the audit
// event of the request which revision it has written.
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
	err := s.Interface.Create(s.context(ctx), key, obj, out, ttl)
	if err == nil {
		wrote(ctx, versionOf(out))
	}
	return err
}

// Delete implements storage.Interface.
func (s withActor) Delete(ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions, validate storage.ValidateObjectFunc, cached runtime.Object, opts storage.DeleteOptions) error {
	err := s.Interface.Delete(s.context(ctx), key, out, preconditions, validate, cached, opts)
	if err == nil {
		wrote(ctx, versionOf(out))
	}
	return err
}

// GuaranteedUpdate implements storage.Interface.
func (s withActor) GuaranteedUpdate(ctx context.Context, key string, destination runtime.Object, ignoreNotFound bool, preconditions *storage.Preconditions, update storage.UpdateFunc, cached runtime.Object) error {
	if !audited(ctx) {
		return s.Interface.GuaranteedUpdate(s.context(ctx), key, destination, ignoreNotFound, preconditions, update, cached)
	}
	before := ""
	err := s.Interface.GuaranteedUpdate(s.context(ctx), key, destination, ignoreNotFound, preconditions, func(input runtime.Object, res storage.ResponseMeta) (runtime.Object, *uint64, error) {
		before = versionOf(input)
		return update(input, res)
	}, cached)
	if after := versionOf(destination); err == nil && after != before { // one that changes nothing writes no revision
		wrote(ctx, after)
	}
	return err
}

// revisionAnnotation of an audit event is the revision that its request has written, by which the
// history has the change.
const revisionAnnotation = "records.ark.mckinsey.com/revision"

// audited reports whether the request has an audit event that can name a revision. One that deletes
// a collection writes many.
func audited(ctx context.Context) bool {
	if !audit.AuditContextFrom(ctx).Enabled() {
		return false
	}
	info, ok := request.RequestInfoFrom(ctx)
	return ok && info.Verb != "deletecollection"
}

// wrote names a revision in the audit event of the request; the first one, where it writes several.
func wrote(ctx context.Context, version string) {
	if version == "" || !audited(ctx) {
		return
	}
	if _, there := audit.AuditContextFrom(ctx).GetEventAnnotation(revisionAnnotation); !there {
		audit.AddAuditAnnotation(ctx, revisionAnnotation, version)
	}
}

func versionOf(obj runtime.Object) string {
	if obj == nil {
		return ""
	}
	m, err := meta.Accessor(obj)
	if err != nil {
		return ""
	}
	return m.GetResourceVersion()
}
