package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	storagefactory "k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/stack"
)

const (
	// DefaultMaxObjectBytes is what etcd takes unless told otherwise.
	DefaultMaxObjectBytes = 1536 << 10
	// MaxMaxObjectBytes is where clients end: client-go reads no event of a watch that is larger.
	MaxMaxObjectBytes = 16 << 20
)

// ObjectLimit is how large an object may be, for messages.
type ObjectLimit struct {
	// Bytes is about the largest object that the storage takes.
	Bytes int
	// Advice is how a user can have a larger one, as a clause with a verb.
	Advice string
}

// tooLarge is etcd's refusal of an object that is larger than it takes. The stock
// handlers recognise etcd's error, and try again without managedFields; if that
// fails too they answer 500, unless the error says what it is itself.
type tooLarge struct {
	rpctypes.EtcdError
	limit ObjectLimit
}

// Status implements apierrors.APIStatus.
func (t tooLarge) Status() metav1.Status {
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("the storage does not take an object of this size; an object may have about %s, "+
		"and one that is larger already may not grow: make it smaller, or %s", t.limit, t.limit.Advice)).Status()
}

// String is the size in the unit that shows it best.
func (l ObjectLimit) String() string {
	if l.Bytes < 1<<20 {
		return fmt.Sprintf("%.4g KiB", float64(l.Bytes)/(1<<10))
	}
	return fmt.Sprintf("%.3g MiB", float64(l.Bytes)/(1<<20))
}

func (l ObjectLimit) explain(err error) error {
	var refused rpctypes.EtcdError
	if errors.As(err, &refused) && refused.Code() == codes.InvalidArgument && refused.Error() == rpctypes.ErrRequestTooLarge.Error() {
		return tooLarge{refused, l}
	}
	// A client over gRPC refuses to send what is larger still.
	if s, ok := status.FromError(err); ok && s.Code() == codes.ResourceExhausted && strings.Contains(s.Message(), "larger than max") {
		var etcd rpctypes.EtcdError
		if errors.As(rpctypes.ErrRequestTooLarge, &etcd) {
			return tooLarge{etcd, l}
		}
	}
	return err
}

// sizeAware explains refusals of a storage.
type sizeAware struct {
	storage.Interface
	limit ObjectLimit
	grow  bool // the stacks of writes, whose goroutines are their own
}

func (s sizeAware) growStack() {
	if s.grow {
		stack.GrowForHandlers()
	}
}

// Create implements storage.Interface.
func (s sizeAware) Create(ctx context.Context, key string, obj, out runtime.Object, ttl uint64) error {
	s.growStack()
	return explainWrite(s.limit.explain(s.Interface.Create(ctx, key, obj, out, ttl)))
}

// GuaranteedUpdate implements storage.Interface.
func (s sizeAware) GuaranteedUpdate(ctx context.Context, key string, destination runtime.Object, ignoreNotFound bool, preconditions *storage.Preconditions, update storage.UpdateFunc, cached runtime.Object) error {
	s.growStack()
	return explainWrite(s.limit.explain(s.Interface.GuaranteedUpdate(ctx, key, destination, ignoreNotFound, preconditions, update, cached)))
}

// Delete implements storage.Interface.
func (s sizeAware) Delete(ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions, validate storage.ValidateObjectFunc, cached runtime.Object, opts storage.DeleteOptions) error {
	s.growStack()
	return explainWrite(s.Interface.Delete(ctx, key, out, preconditions, validate, cached, opts))
}

// Get implements storage.Interface.
func (s sizeAware) Get(ctx context.Context, key string, opts storage.GetOptions, into runtime.Object) error {
	return explainRead(s.Interface.Get(ctx, key, opts, into))
}

// GetList implements storage.Interface.
func (s sizeAware) GetList(ctx context.Context, key string, opts storage.ListOptions, into runtime.Object) error {
	return explainRead(s.Interface.GetList(ctx, key, opts, into))
}

// withSizeAware makes what a decorator builds explain its refusals.
func withSizeAware(next generic.StorageDecorator, limit ObjectLimit, off hooks.Off) generic.StorageDecorator {
	return func(config *storagebackend.ConfigForResource, resourcePrefix string, keyFunc func(runtime.Object) (string, error),
		newFunc, newListFunc func() runtime.Object, attrs storage.AttrFunc, triggers storage.IndexerFuncs, indexers *cache.Indexers,
	) (storage.Interface, storagefactory.DestroyFunc, error) {
		s, destroy, err := next(config, resourcePrefix, keyFunc, newFunc, newListFunc, attrs, triggers, indexers)
		if err != nil {
			return nil, destroy, err
		}
		return sizeAware{s, limit, !off.Has(hooks.Stacks)}, destroy, nil
	}
}
