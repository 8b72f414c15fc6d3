package encoding

import (
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	stockjson "k8s.io/apimachinery/pkg/runtime/serializer/json"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Codecs are the JSON codecs of the types that the server encodes and
// decodes all the time: the Ark kinds, their lists, and the envelope of watch
// events. They are made once and shared: they are immutable and safe for concurrent use.
type Codecs struct {
	objects map[reflect.Type]objectCodec
	lists   map[reflect.Type]listCodec
	off     hooks.Off
}

type objectCodec struct {
	*objectjson.Codec
	kind schema.GroupVersionKind // empty for types that are not decoded
}

// listCodec has the codec of a list, and of its items, which may be many.
type listCodec struct {
	list, item *objectjson.Codec
}

// NewCodecs returns the codecs of the kinds given. Without the hook Codecs there are none, and the
// stock serializers do it all.
func NewCodecs(kinds []install.Kind, off hooks.Off) (*Codecs, error) {
	all := &Codecs{objects: map[reflect.Type]objectCodec{}, lists: map[reflect.Type]listCodec{}, off: off}
	if off.Has(hooks.Codecs) {
		return all, nil
	}
	add := func(sample runtime.Object, kind schema.GroupVersionKind) (*objectjson.Codec, error) {
		codec, err := objectjson.For(sample)
		all.objects[reflect.TypeOf(sample)] = objectCodec{Codec: codec, kind: kind}
		return codec, err
	}
	for _, kind := range kinds {
		item, err := add(kind.New(), kind.GroupVersionKind())
		if err != nil {
			return nil, fmt.Errorf("prepare the JSON of %s: %w", kind.Name, err)
		}
		list, err := objectjson.For(kind.NewList())
		if err != nil {
			return nil, fmt.Errorf("prepare the JSON of lists of %s: %w", kind.Name, err)
		}
		all.lists[reflect.TypeOf(kind.NewList())] = listCodec{list: list, item: item}
	}
	if _, err := add(&metav1.WatchEvent{}, schema.GroupVersionKind{}); err != nil {
		return nil, fmt.Errorf("prepare the JSON of watch events: %w", err)
	}
	return all, nil
}

// wrap returns a stock JSON serializer with these codecs in front.
func (c *Codecs) wrap(stock runtime.Serializer) runtime.Serializer {
	serializer, ok := stock.(*stockjson.Serializer)
	if !ok {
		return stock
	}
	return &jsonSerializer{Serializer: serializer, codecs: c}
}

// Negotiated returns a negotiated serializer whose compact JSON goes through these
// codecs. Clients receive the same bytes.
func (c *Codecs) Negotiated(stock runtime.NegotiatedSerializer) runtime.NegotiatedSerializer {
	n := negotiatedSerializer{NegotiatedSerializer: stock}
	for _, info := range stock.SupportedMediaTypes() {
		if info.MediaType == runtime.ContentTypeJSON {
			info.Serializer, info.StrictSerializer = c.wrap(info.Serializer), c.wrap(info.StrictSerializer)
			if info.StreamSerializer != nil {
				stream := *info.StreamSerializer
				stream.Serializer = c.wrap(stream.Serializer)
				info.StreamSerializer = &stream
			}
		}
		n.mediaTypes = append(n.mediaTypes, info)
	}
	return n
}

type negotiatedSerializer struct {
	runtime.NegotiatedSerializer
	mediaTypes []runtime.SerializerInfo
}

// SupportedMediaTypes implements runtime.NegotiatedSerializer.
func (n negotiatedSerializer) SupportedMediaTypes() []runtime.SerializerInfo { return n.mediaTypes }
