package objects

import (
	"bytes"
	"fmt"
	"io"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/objectjson"
)

// codecs are the serializers of Ark's kinds. They are created once for a client and shared by all
// clients derived from it.
type codecs struct {
	runtime.NegotiatedSerializer
	mediaTypes []runtime.SerializerInfo
}

// SupportedMediaTypes implements runtime.NegotiatedSerializer.
func (c *codecs) SupportedMediaTypes() []runtime.SerializerInfo { return c.mediaTypes }

// newCodecs returns the standard serializers, with a fast one for JSON.
func newCodecs() (*codecs, error) {
	scheme, err := install.NewScheme()
	if err != nil {
		return nil, err
	}
	stock := serializer.NewCodecFactory(scheme).WithoutConversion()
	fast := jsonSerializer{byType: map[reflect.Type]*kindCodec{}, byKind: map[string]*kindCodec{}}
	for _, kind := range install.Kinds() {
		codec, err := objectjson.For(kind.New())
		if err != nil {
			return nil, fmt.Errorf("prepare the JSON of %s: %w", kind.Name, err)
		}
		known := &kindCodec{Codec: codec, kind: kind.GroupVersionKind(), fresh: kind.New}
		fast.byType[reflect.TypeOf(kind.New())] = known
		fast.byKind[kind.Name] = known
	}
	c := &codecs{NegotiatedSerializer: stock}
	for _, info := range stock.SupportedMediaTypes() {
		if info.MediaType == runtime.ContentTypeJSON {
			with := fast
			with.Serializer = info.Serializer
			info.Serializer = &with
		}
		c.mediaTypes = append(c.mediaTypes, info)
	}
	return c, nil
}

// jsonSerializer is the standard JSON serializer with a faster path for single objects of Ark's
// kinds. It uses the standard serializer for everything that a codec does not support or rejects.
type jsonSerializer struct {
	runtime.Serializer
	byType map[reflect.Type]*kindCodec
	byKind map[string]*kindCodec
}

type kindCodec struct {
	*objectjson.Codec
	kind  schema.GroupVersionKind
	fresh func() runtime.Object
}

// Encode implements runtime.Encoder.
func (s *jsonSerializer) Encode(object runtime.Object, to io.Writer) error {
	if known := s.byType[reflect.TypeOf(object)]; known != nil {
		if text, ok := known.Append(nil, object); ok {
			_, err := to.Write(append(text, '\n'))
			return err
		}
	}
	return s.Serializer.Encode(object, to)
}

// Decode implements runtime.Decoder. It overwrites the whole object, even one that was used before.
func (s *jsonSerializer) Decode(text []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	known := s.byType[reflect.TypeOf(into)]
	if into == nil {
		known = s.byKind[kindOf(text)]
	}
	if known == nil {
		return s.Serializer.Decode(text, defaults, into)
	}
	object := known.fresh()
	if !known.Decode(string(text), object) || object.GetObjectKind().GroupVersionKind() != known.kind {
		return s.Serializer.Decode(text, defaults, into)
	}
	found := known.kind
	if into == nil {
		return object, &found, nil
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(object).Elem())
	return into, &found, nil
}

// kindOf returns the kind at the beginning of a text, where the server writes it; "" for a text
// that begins differently.
func kindOf(text []byte) string {
	rest, begins := bytes.CutPrefix(text, []byte(`{"kind":"`))
	if !begins {
		return ""
	}
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(name)
}
