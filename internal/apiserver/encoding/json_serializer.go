package encoding

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	stockjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	kjson "sigs.k8s.io/json"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// jsonSerializer is the stock JSON serializer, faster for the types it has codecs
// for. What a codec cannot do, such as telling why a text is wrong, is done by the
// stock serializer, which it also agrees with in all that it does itself.
type jsonSerializer struct {
	*stockjson.Serializer
	codecs  *Codecs
	buffers sync.Pool
}

const (
	// listChunk is how much of a list is encoded between two writes.
	listChunk = 64 << 10
	// largestBuffer is how large a buffer may be and yet be kept for the next object.
	largestBuffer = 256 << 10
)

// Encode implements runtime.Encoder.
func (s *jsonSerializer) Encode(obj runtime.Object, w io.Writer) error {
	if cached, ok := obj.(runtime.CacheableObject); ok {
		return cached.CacheEncode(s.Identifier(), s.encode, w)
	}
	return s.encode(obj, w)
}

func (s *jsonSerializer) encode(obj runtime.Object, w io.Writer) error {
	goType := reflect.TypeOf(obj)
	if codec, known := s.codecs.objects[goType]; known {
		buffer := s.buffer()
		defer s.release(buffer)
		text, ok := codec.Append((*buffer)[:0], obj)
		*buffer = text
		if ok {
			*buffer = append(text, '\n')
			_, err := w.Write(*buffer)
			return err
		}
	}
	if codec, known := s.codecs.lists[goType]; known {
		return s.encodeList(codec, obj, w)
	}
	return s.Serializer.Encode(obj, w)
}

// encodeList writes a list piece by piece, the first as short as the stock
// serializer's: the response writer tells by it that more will come, and compresses.
func (s *jsonSerializer) encodeList(codec listCodec, list runtime.Object, w io.Writer) error {
	buffer := s.buffer()
	defer s.release(buffer)
	whole := reflect.ValueOf(list)
	if whole.IsNil() {
		return s.Serializer.Encode(list, w)
	}
	// Encode the list as if it had no items, and put them in.
	empty := reflect.New(whole.Type().Elem())
	empty.Elem().Set(whole.Elem())
	empty.Elem().FieldByName("Items").SetZero()
	text, ok := codec.list.Append((*buffer)[:0], empty.Interface())
	*buffer = text
	text, found := bytes.CutSuffix(text, []byte("null}"))
	items := whole.Elem().FieldByName("Items")
	if !ok || !found || items.IsNil() {
		return s.Serializer.Encode(list, w)
	}
	if _, err := w.Write(text[:1]); err != nil {
		return err
	}
	text = append(text, '[')[1:]
	for i := range items.Len() {
		if i > 0 {
			text = append(text, ',')
		}
		if len(text) >= listChunk {
			if _, err := w.Write(text); err != nil {
				return err
			}
			text = (*buffer)[:0]
		}
		item := items.Index(i).Addr().Interface()
		begin := len(text)
		if text, ok = codec.item.Append(text, item); !ok {
			stock, err := json.Marshal(item)
			if err != nil {
				return err
			}
			text = append(text[:begin], stock...)
		}
		if cap(text) > cap(*buffer) {
			*buffer = text
		}
	}
	_, err := w.Write(append(text, "]}\n"...))
	return err
}

func (s *jsonSerializer) buffer() *[]byte {
	if buffer, ok := s.buffers.Get().(*[]byte); ok {
		return buffer
	}
	return new([]byte)
}

func (s *jsonSerializer) release(buffer *[]byte) {
	if cap(*buffer) <= largestBuffer {
		s.buffers.Put(buffer)
	}
}

// Decode implements runtime.Decoder. It decodes without asking first what kind the
// text is, where the caller expects one, and then looks whether it is that.
func (s *jsonSerializer) Decode(text []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	if into != nil {
		if codec, known := s.codecs.objects[reflect.TypeOf(into)]; known && !codec.kind.Empty() && codec.Decode(string(text), into) {
			found := into.GetObjectKind().GroupVersionKind()
			if found == codec.kind {
				if o, ok := into.(objectjson.Object); ok && o.UnknownFields().Raw != "" {
					return into, &found, s.duplicates(text, into)
				}
				return into, &found, nil
			}
			reflect.ValueOf(into).Elem().SetZero()
		}
	}
	obj, found, err := s.Serializer.Decode(text, defaults, into)
	if err == nil {
		err = s.duplicates(text, obj)
	}
	return obj, found, err
}

// duplicates returns the repeated fields of a text, if the serializer is strict.
// Unknown fields are no fault of an object that keeps them: what to do about them depends on
// what is stored, which the registry knows.
func (s *jsonSerializer) duplicates(text []byte, obj runtime.Object) error {
	if _, keeps := obj.(objectjson.Object); !keeps || !s.Serializer.IsStrict() {
		return nil
	}
	empty := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(objectjson.Object)
	faults, err := kjson.UnmarshalStrict(text, empty.Plain())
	if err != nil {
		return err
	}
	faults = slices.DeleteFunc(faults, func(err error) bool { return strings.HasPrefix(err.Error(), "unknown field") })
	if len(faults) == 0 {
		return nil
	}
	return runtime.NewStrictDecodingError(faults)
}
