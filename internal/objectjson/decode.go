package objectjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"
)

func (c *compiler) decoder(t reflect.Type) (decoder, error) {
	if known := c.decoders[t]; known != nil {
		return func(r *reader, v reflect.Value) bool { return (*known)(r, v) }, nil
	}
	place := new(decoder)
	c.decoders[t] = place
	made, err := c.newDecoder(t)
	*place = made
	return made, err
}

func (c *compiler) newDecoder(t reflect.Type) (decoder, error) {
	if t.Kind() == reflect.Struct {
		if i := unknownIndex(t); i >= 0 {
			decode, err := c.keepingDecoder(t, i)
			return orAbsent(decode), err
		}
	}
	if t.Kind() != reflect.Pointer {
		switch {
		case t == timeType:
			return orAbsent(decodeTime), nil
		case implements(t, plainType):
			return decodePlain, nil
		case implements(t, unmarshalerType):
			return decodeUnmarshaler, nil
		case implements(t, textUnmarshalerType):
			return nil, fmt.Errorf("%s decodes itself from text", t)
		}
	}
	switch t.Kind() {
	case reflect.String:
		return orAbsent(func(r *reader, v reflect.Value) bool {
			s, ok := r.string()
			v.SetString(s)
			return ok
		}), nil
	case reflect.Bool:
		return orAbsent(func(r *reader, v reflect.Value) bool {
			isTrue := r.next() == 't'
			v.SetBool(isTrue)
			return isTrue && r.literal("true") || r.literal("false")
		}), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return orAbsent(decodeInt), nil
	case reflect.Struct:
		decode, err := c.structDecoder(t)
		return orAbsent(decode), err
	case reflect.Pointer:
		switch t.Elem() {
		case timeType:
			return orAbsent(decodeTimePointer), nil
		case fieldsType:
			return orAbsent(decodeFieldsPointer), nil
		}
		elem, err := c.decoder(t.Elem())
		return orAbsent(func(r *reader, v reflect.Value) bool {
			v.Set(reflect.New(t.Elem()))
			return elem(r, v.Elem())
		}), err
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return nil, fmt.Errorf("%s holds bytes", t)
		}
		elem, err := c.decoder(t.Elem())
		return orAbsent(sliceDecoder(t, elem)), err
	case reflect.Map:
		decode, err := c.mapDecoder(t)
		return orAbsent(decode), err
	}
	return nil, fmt.Errorf("%s is of no kind that API types hold", t)
}

// orAbsent leaves the value zero for null.
func orAbsent(next decoder) decoder {
	return func(r *reader, v reflect.Value) bool {
		if r.next() == 'n' {
			return r.literal("null")
		}
		return next(r, v)
	}
}

// string takes a string and returns what it means.
func (r *reader) string() (string, bool) {
	if r.next() != '"' {
		return "", false
	}
	inside, simple, ok := r.quoted()
	if !ok {
		return "", false
	}
	if simple {
		end := r.at - len(`"`)
		return r.whole[end-len(inside) : end], true
	}
	return meaning(inside)
}

// meaning is what a string means that has something special between its quotes.
func meaning(inside []byte) (string, bool) {
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return string(inside), true
	}
	var s string
	err := json.Unmarshal(slices.Concat([]byte{'"'}, inside, []byte{'"'}), &s)
	return s, err == nil
}

func decodeInt(r *reader, v reflect.Value) bool {
	r.next()
	begin := r.at
	if !r.number() {
		return false
	}
	n, err := strconv.ParseInt(string(r.text[begin:r.at]), 10, 64)
	if err != nil || v.OverflowInt(n) {
		return false
	}
	v.SetInt(n)
	return true
}

// sliceDecoder gathers the elements in a slice that it uses again and again, to
// allocate one of the right size once their number is known.
func sliceDecoder(t reflect.Type, elem decoder) decoder {
	const longest = 64 // elements of a slice that is kept for the next time
	spare := sync.Pool{New: func() any {
		gathered := reflect.MakeSlice(t, 4, 4)
		return &gathered
	}}
	return func(r *reader, v reflect.Value) bool {
		gathered := spare.Get().(*reflect.Value)
		n, ok := gather(r, elem, gathered)
		switch {
		case ok && n > 0:
			v.Grow(n)
			v.SetLen(n)
			reflect.Copy(v, *gathered)
		case ok:
			v.Set(reflect.MakeSlice(t, 0, 0))
		}
		for i := range n {
			gathered.Index(i).SetZero()
		}
		if gathered.Len() <= longest {
			spare.Put(gathered)
		}
		return ok
	}
}

// gather decodes an array into a slice of zero values, which it replaces by a longer
// one where it has to, and returns how many elements it has touched.
func gather(r *reader, elem decoder, into *reflect.Value) (n int, ok bool) {
	for ; ; n++ {
		if found, ok := r.element(n); !found || !ok {
			return n, ok
		}
		if n == into.Len() {
			longer := reflect.MakeSlice(into.Type(), 2*n, 2*n)
			reflect.Copy(longer, *into)
			*into = longer
		}
		if !elem(r, into.Index(n)) {
			return n + 1, false
		}
	}
}

func (c *compiler) mapDecoder(t reflect.Type) (decoder, error) {
	if t.Key().Kind() != reflect.String || implements(t.Key(), textUnmarshalerType) {
		return nil, fmt.Errorf("%s has keys that are no plain strings", t)
	}
	elem, err := c.decoder(t.Elem())
	if err != nil {
		return nil, err
	}
	return func(r *reader, v reflect.Value) bool {
		m := reflect.MakeMap(t)
		v.Set(m)
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		for n := 0; ; n++ {
			text, found, ok := r.key(n)
			if !ok || !found {
				return ok
			}
			name, ok := meaning(text)
			key.SetString(name)
			if !ok || m.MapIndex(key).IsValid() {
				return false // repeated
			}
			value.SetZero()
			if !elem(r, value) {
				return false
			}
			m.SetMapIndex(key, value)
		}
	}, nil
}

// decodedMember is a member with its place among the others.
type decodedMember struct {
	member
	bit    uint64
	decode decoder
	// after is the member declared after it, which most texts have next; or nil.
	after *decodedMember
}

func (c *compiler) structDecoder(t reflect.Type) (decoder, error) {
	members, err := membersOf(t)
	if err != nil {
		return nil, err
	}
	if len(members) > 64 {
		return nil, fmt.Errorf("%s has more than 64 fields", t)
	}
	fields := make(map[string]*decodedMember, len(members))
	var first *decodedMember
	place := &first
	for i, m := range members {
		decode, err := c.decoder(m.Type)
		if err != nil {
			return nil, err
		}
		*place = &decodedMember{member: m, bit: 1 << i, decode: decode}
		fields[m.name] = *place
		place = &(*place).after
	}
	return func(r *reader, v reflect.Value) bool {
		var seen uint64
		expected := first
		for n := 0; ; n++ {
			key, found, ok := r.key(n)
			if !ok || !found {
				return ok
			}
			f := expected
			if f == nil || f.name != string(key) {
				f = fields[string(key)]
			}
			if f == nil {
				// A known name may be written with escapes.
				if !r.keeps || bytes.IndexByte(key, '\\') >= 0 || !r.skipValue() {
					return false
				}
				r.strayed = true
				continue
			}
			if seen&f.bit != 0 {
				return false // repeated
			}
			seen |= f.bit
			expected = f.after
			if !f.decode(r, f.field(v)) {
				return false
			}
		}
	}, nil
}

// keepingDecoder decodes a struct whose field i keeps the unknown ones. A text with
// some is read a second time to find them; others cost nothing.
func (c *compiler) keepingDecoder(t reflect.Type, i int) (decoder, error) {
	decode, err := c.structDecoder(t)
	if err != nil {
		return nil, err
	}
	find, err := c.finder(t)
	if err != nil {
		return nil, err
	}
	return func(r *reader, v reflect.Value) bool {
		begin := r.at
		r.keeps, r.strayed = true, false
		ok := decode(r, v)
		r.keeps = false
		if !ok || !r.strayed {
			return ok
		}
		unknown, err := findUnknown(find, r.text[begin:r.at])
		v.Field(i).Set(reflect.ValueOf(unknown))
		return err == nil
	}, nil
}

// findUnknown lists the fields in a text that has been decoded.
func findUnknown(find finder, text []byte) (UnknownFields, error) {
	var found []UnknownField
	r := reader{text: text, limit: deepest}
	if !find(&r, nil, &found) {
		return UnknownFields{}, errors.New("find the unknown fields of an object: its text is not understood")
	}
	unknown, err := NewUnknownFields(found)
	unknown.TooDeep = r.tooDeep
	return unknown, err
}

// Plain is a json.Unmarshaler that keeps a string of ASCII without escapes as it
// is written, quotes included. What UnmarshalJSON makes of such a text must be the
// same.
type Plain interface {
	json.Unmarshaler
	SetPlainJSON(text string)
}

// decodePlain hands a value its text, with a word about what has been seen of it.
func decodePlain(r *reader, v reflect.Value) bool {
	if r.next() == '"' {
		begin := r.at
		if _, simple, ok := r.quoted(); ok && simple {
			v.Addr().Interface().(Plain).SetPlainJSON(r.whole[begin:r.at])
			return true
		}
		r.at = begin
	}
	return decodeUnmarshaler(r, v)
}

// decodeUnmarshaler hands a value its text, which by the rules of json.Unmarshaler it
// neither keeps nor changes.
func decodeUnmarshaler(r *reader, v reflect.Value) bool {
	r.next()
	begin := r.at
	if !r.skipFree() {
		return false
	}
	return v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(r.text[begin:r.at]) == nil
}
