package registry

import (
	"context"
	"strconv"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
)

// Reader reads single objects of a store from its watch cache, which costs a
// microsecond and no call to the storage. It sees every write that this process
// has made through the store, because it knows the newest one's resourceVersion
// and has the cache catch up with it; writes of other processes show after
// milliseconds.
type Reader struct {
	store   *genericregistry.Store
	confirm bool
	written atomic.Uint64
}

// NewReader returns a Reader of a completed store, of which it takes the After
// hooks. If confirm is set, an object that the cache does not have is looked for
// in the storage before it counts as missing.
func NewReader(store *genericregistry.Store, confirm bool) *Reader {
	r := &Reader{store: store, confirm: confirm}
	store.AfterCreate = func(obj runtime.Object, _ *metav1.CreateOptions) { r.note(obj) }
	store.AfterUpdate = func(obj runtime.Object, _ *metav1.UpdateOptions) { r.note(obj) }
	store.AfterDelete = func(obj runtime.Object, _ *metav1.DeleteOptions) { r.note(obj) }
	return r
}

func (r *Reader) note(obj runtime.Object) {
	m, err := meta.Accessor(obj)
	if err != nil {
		return
	}
	version, err := strconv.ParseUint(m.GetResourceVersion(), 10, 64)
	if err != nil {
		return // a dry run's object may have none
	}
	for {
		newest := r.written.Load()
		if version <= newest || r.written.CompareAndSwap(newest, version) {
			return
		}
	}
}

// Get returns an object, which must not be changed. The namespace is empty for
// cluster-wide kinds.
func (r *Reader) Get(ctx context.Context, namespace, name string) (runtime.Object, error) {
	ctx = request.WithNamespace(ctx, namespace)
	obj, err := r.store.Get(ctx, name, &metav1.GetOptions{ResourceVersion: strconv.FormatUint(r.written.Load(), 10)})
	if err == nil || !r.confirm {
		return obj, err
	}
	return r.store.Get(ctx, name, &metav1.GetOptions{})
}
