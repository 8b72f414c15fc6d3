package encoding

import (
	"fmt"
	"reflect"
	"unsafe"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/json"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/stack"
	"github.com/mckinsey/ark-server/internal/objectjson"
)

// storageCodec decodes what is stored for one kind. The stock codec it wraps
// reads each text twice, first to find out which kind it is and which
// serializer to take. Here both are known, and every write is decoded three
// times: for its answer, and for the watch cache together with what it
// replaced.
//
// The stored version is the internal one too (there is one Go type), so there
// is nothing to convert.
type storageCodec struct {
	runtime.Codec // encodes, and decodes into anything but the kind
	kind          schema.GroupVersionKind
	newObject     func() runtime.Object
	defaulter     runtime.ObjectDefaulter
	json          *objectjson.Codec // nil for none
	resource      schema.GroupResource
	findings      *findings.Findings // nil for none
	grow          bool               // the stack
}

// ForStorage returns the codec of what is stored of a kind. It decodes any release's objects, fills
// in defaults, and encodes as the server does. found counts unknown fields; nil for not at all.
//
// What it decodes must never be written to again: the objects' strings are parts of it.
func (c *Codecs) ForStorage(kind install.Kind, stock serializer.CodecFactory, defaulter runtime.ObjectDefaulter, found *findings.Findings) runtime.Codec {
	var encoder runtime.Encoder
	for _, info := range c.Negotiated(stock).SupportedMediaTypes() {
		if info.MediaType == runtime.ContentTypeJSON {
			encoder = info.Serializer
		}
	}
	return storageCodec{
		Codec:     stock.CodecForVersions(encoder, stock.UniversalDeserializer(), schema.GroupVersions{kind.GroupVersion}, runtime.InternalGroupVersioner),
		kind:      kind.GroupVersionKind(),
		newObject: kind.New,
		defaulter: defaulter,
		json:      c.objects[reflect.TypeOf(kind.New())].Codec,
		resource:  kind.Resource(),
		findings:  found,
		grow:      !c.off.Has(hooks.Stacks),
	}
}

// Decode implements runtime.Decoder.
func (c storageCodec) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	if into == nil {
		into = c.newObject()
	}
	if c.grow {
		stack.GrowForDecoder()
	}
	if c.json == nil || !c.json.Decode(unchanging(data), into) {
		if err := c.stockDecode(data, into); err != nil {
			return nil, nil, err
		}
	}
	found := into.GetObjectKind().GroupVersionKind()
	if found != c.kind {
		return nil, &found, fmt.Errorf("decode a stored %s: found %s", c.kind, found)
	}
	// As the stock codec leaves it: the handlers set the kind that they answer with.
	into.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	c.defaulter.Default(into)
	if o, ok := into.(objectjson.Object); ok {
		c.findings.NoteUnknown(c.resource, o.UnknownFields())
	}
	return into, &found, nil
}

// stockDecode is for what the kind's codec leaves to others, such as repeated fields.
func (c storageCodec) stockDecode(data []byte, into runtime.Object) error {
	if err := json.UnmarshalCaseSensitivePreserveInts(data, into); err != nil {
		return fmt.Errorf("decode a stored %s: %w", c.kind.Kind, err)
	}
	return nil
}

// unchanging is a text as a string without a copy. What the storage decodes is the
// value as the store has it in memory or a text made for this one object, and nobody
// writes to either: the object's strings are parts of it. So a value takes memory
// once, however many hold it: the store, the watch cache, the events of both.
func unchanging(data []byte) string { return unsafe.String(unsafe.SliceData(data), len(data)) }
