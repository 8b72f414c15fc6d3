package storage

import (
	"context"
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/etcd3"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/mckinsey/ark-server/internal/apiserver/findings"
)

// A stored object that cannot be decoded makes the stock storage fail every list of its
// resource, and end every watch that meets it. The watch cache begins with a list, so it
// would never be ready, and with it the server would not; and its reflector would repeat the
// watch from the same revision, without a pause, for half a minute. Here lists leave such
// objects out, and watches deliver them as deleted. They are logged and counted; reading one
// by its name still fails, and an administrator can delete it.

// listing collects what one list has left out. It belongs to one goroutine.
type listing struct {
	resource schema.GroupResource
	findings *findings.Findings
	key      string // of the object that is decoded next
	left     int
}

type listingKey struct{}

func listingFrom(ctx context.Context) *listing {
	l, _ := ctx.Value(listingKey{}).(*listing)
	return l
}

// withoutUndecodable is a storage whose lists and watches have no undecodable objects. It
// needs keyNotes, tolerantDecoder and tolerantCodec in the storage.
type withoutUndecodable struct {
	storage.Interface
	resource  schema.GroupResource
	prefix    string // of the keys of the resource, with a slash at its end
	newObject func() runtime.Object
	history   *history
	findings  *findings.Findings
}

// GetList implements storage.Interface.
func (s withoutUndecodable) GetList(ctx context.Context, key string, options storage.ListOptions, list runtime.Object) error {
	l := &listing{resource: s.resource, findings: s.findings}
	if err := s.Interface.GetList(context.WithValue(ctx, listingKey{}, l), key, options, list); err != nil || l.left == 0 {
		return err
	}
	return removeNameless(list)
}

// removeNameless removes the objects that tolerantDecoder has put in.
func removeNameless(list runtime.Object) error {
	pointer, err := meta.GetItemsPtr(list)
	if err != nil {
		return err
	}
	items := reflect.ValueOf(pointer).Elem()
	kept := reflect.MakeSlice(items.Type(), 0, items.Len())
	for i := range items.Len() {
		object, err := meta.Accessor(items.Index(i).Addr().Interface())
		if err != nil {
			return err
		}
		if object.GetName() != "" {
			kept = reflect.Append(kept, items.Index(i))
		}
	}
	items.Set(kept)
	return nil
}

// keyNotes notes which key a list or a watch decodes next: what decodes is not told.
type keyNotes struct {
	value.Transformer
	watched *watchedKeys
}

// TransformFromStorage implements value.Transformer. In a list or a watch, what cannot be
// transformed is left to the decoder, which cannot decode it either.
func (n keyNotes) TransformFromStorage(ctx context.Context, data []byte, key value.Context) ([]byte, bool, error) {
	plain, stale, err := n.Transformer.TransformFromStorage(ctx, data, key)
	l, watching := listingFrom(ctx), isWatch(ctx)
	if err != nil && (l != nil || watching) {
		plain, stale, err = data, false, nil
	}
	if l != nil {
		l.key = string(key.AuthenticatedData())
	}
	if watching {
		plain = n.watched.note(plain, string(key.AuthenticatedData()))
	}
	return plain, stale, err
}

// tolerantDecoder decodes an element of a list that cannot be decoded to an object without
// a name.
type tolerantDecoder struct{ etcd3.Decoder }

// DecodeListItem implements etcd3.Decoder.
func (d tolerantDecoder) DecodeListItem(ctx context.Context, data []byte, revision uint64, newItem func() runtime.Object) (runtime.Object, error) {
	object, err := d.Decoder.DecodeListItem(ctx, data, revision, newItem)
	l := listingFrom(ctx)
	if err == nil || l == nil {
		return object, err
	}
	l.left++
	l.findings.NoteUndecodable(l.resource, l.key, revision, err)
	return newItem(), nil
}
