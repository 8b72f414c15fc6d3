package objectjson

import (
	"encoding"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unsafe"
)

// Codec encodes and decodes the values of one Go type.
type Codec struct {
	goType reflect.Type
	encode encoder
	decode decoder
	// find is nil for types that declare no fields.
	find finder
}

// encoder appends a value, or returns false if it cannot tell its encoding.
type encoder func(to []byte, v reflect.Value) ([]byte, bool)

// decoder fills a zero value from the text at the reader's place, or returns
// false, with the value partly filled, if it cannot tell what the text means.
type decoder func(r *reader, v reflect.Value) bool

// For returns a codec for the type that sample points to. It fails for types
// that hold what no API type holds: interfaces, channels, floating-point numbers,
// bytes, embedded pointers, fields that share a name.
func For(sample any) (*Codec, error) {
	t := reflect.TypeOf(sample)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("compile a JSON codec: %T is no pointer", sample)
	}
	c := compiler{encoders: map[reflect.Type]*encoder{}, decoders: map[reflect.Type]*decoder{}, finders: map[reflect.Type]*finder{}}
	encode, err := c.encoder(t.Elem())
	if err != nil {
		return nil, fmt.Errorf("compile a JSON encoder for %s: %w", t.Elem(), err)
	}
	decode, err := c.decoder(t.Elem())
	if err != nil {
		return nil, fmt.Errorf("compile a JSON decoder for %s: %w", t.Elem(), err)
	}
	find, err := c.finder(t.Elem())
	if err != nil {
		return nil, fmt.Errorf("look for the fields of %s: %w", t.Elem(), err)
	}
	return &Codec{goType: t, encode: encode, decode: decode, find: find}, nil
}

// Append appends the encoding of what object points to, without a newline. It
// returns false if the object is of another type, nil, or has to be encoded by
// encoding/json; what it has appended then is of no use.
func (c *Codec) Append(to []byte, object any) ([]byte, bool) {
	v := reflect.ValueOf(object)
	if v.Type() != c.goType || v.IsNil() {
		return to, false
	}
	return c.encode(to, v.Elem())
}

// Decode fills what into points to, which must be zero. It returns false, and
// leaves it zero, if the text has to be decoded by the stock decoder. The strings
// of the object are parts of the text where they can be, and so keep it in memory.
func (c *Codec) Decode(text string, into any) bool {
	v := reflect.ValueOf(into)
	if v.Type() != c.goType || v.IsNil() || !isZero(v) {
		return false
	}
	r := reader{text: bytesOf(text), whole: text, limit: maxDepth}
	if c.decode(&r, v.Elem()) && r.atEnd() {
		return true
	}
	v.Elem().SetZero()
	return false
}

// isZero tells whether what a pointer points to is zero in all its bytes. Unlike
// reflect's, it does not look at one field after the other.
func isZero(pointer reflect.Value) bool {
	memory := unsafe.Slice((*byte)(pointer.UnsafePointer()), pointer.Type().Elem().Size())
	for ; len(memory) >= 8; memory = memory[8:] {
		if binary.NativeEndian.Uint64(memory) != 0 {
			return false
		}
	}
	return !slices.ContainsFunc(memory, func(b byte) bool { return b != 0 })
}

// compiler remembers the types on the way, which may hold themselves.
type compiler struct {
	encoders map[reflect.Type]*encoder
	decoders map[reflect.Type]*decoder
	finders  map[reflect.Type]*finder
}

// member is a field of a struct as JSON sees it.
type member struct {
	reflect.StructField
	name      string
	index     []int
	omitEmpty bool
	omitZero  bool
}

// membersOf lists the fields of a struct in their order, embedded ones in place.
func membersOf(t reflect.Type) ([]member, error) {
	var all []member
	seen := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		var found []member
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			inner, err := membersOf(f.Type)
			if err != nil {
				return nil, err
			}
			for _, m := range inner {
				m.index = append([]int{i}, m.index...)
				found = append(found, m)
			}
		case f.Anonymous && name == "":
			return nil, fmt.Errorf("%s.%s is embedded", t, f.Name)
		case !f.IsExported():
			continue
		default:
			m := member{StructField: f, name: name, index: []int{i}}
			if name == "" {
				m.name = f.Name
			}
			if !isPlain(m.name) {
				return nil, fmt.Errorf("%s.%s is named %q", t, f.Name, m.name)
			}
			for option := range strings.SplitSeq(options, ",") {
				switch option {
				case "omitempty":
					m.omitEmpty = true
				case "omitzero":
					m.omitZero = true
				case "string":
					return nil, fmt.Errorf("%s.%s is a quoted number", t, f.Name)
				}
			}
			found = append(found, m)
		}
		for _, m := range found {
			if seen[m.name] {
				return nil, fmt.Errorf("%s has two fields %q", t, m.name)
			}
			seen[m.name] = true
			all = append(all, m)
		}
	}
	return all, nil
}

// isPlain tells whether a text is its own encoding, and simple.
func isPlain(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// field descends to a member.
func (m *member) field(v reflect.Value) reflect.Value {
	for _, i := range m.index {
		v = v.Field(i)
	}
	return v
}

var (
	marshalerType       = reflect.TypeFor[json.Marshaler]()
	unmarshalerType     = reflect.TypeFor[json.Unmarshaler]()
	plainType           = reflect.TypeFor[Plain]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// implements tells whether the type or a pointer to it has the interface.
func implements(t, wanted reflect.Type) bool {
	return t.Implements(wanted) || reflect.PointerTo(t).Implements(wanted)
}
