package objectjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
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
		return string(inside), true
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

func sliceDecoder(t reflect.Type, elem decoder) decoder {
	return func(r *reader, v reflect.Value) bool {
		for n := 0; ; n++ {
			found, ok := r.element(n)
			if !ok {
				return false
			}
			if !found {
				if n == 0 {
					v.Set(reflect.MakeSlice(t, 0, 0))
				}
				return true
			}
			v.Grow(1)
			v.SetLen(n + 1)
			if !elem(r, v.Index(n)) {
				return false
			}
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
		for n := 0; ; n++ {
			text, found, ok := r.key(n)
			if !ok || !found {
				return ok
			}
			name, ok := meaning(text)
			key := reflect.ValueOf(name).Convert(t.Key())
			if !ok || m.MapIndex(key).IsValid() {
				return false // repeated
			}
			value := reflect.New(t.Elem()).Elem()
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
	for i, m := range members {
		decode, err := c.decoder(m.Type)
		if err != nil {
			return nil, err
		}
		fields[m.name] = &decodedMember{member: m, bit: 1 << i, decode: decode}
	}
	return func(r *reader, v reflect.Value) bool {
		var seen uint64
		for n := 0; ; n++ {
			key, found, ok := r.key(n)
			if !ok || !found {
				return ok
			}
			f := fields[string(key)]
			if f == nil || seen&f.bit != 0 {
				return false // unknown or repeated
			}
			seen |= f.bit
			if !f.decode(r, f.field(v)) {
				return false
			}
		}
	}, nil
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
			v.Addr().Interface().(Plain).SetPlainJSON(string(r.text[begin:r.at]))
			return true
		}
		r.at = begin
	}
	return decodeUnmarshaler(r, v)
}

// decodeUnmarshaler hands a value its text.
func decodeUnmarshaler(r *reader, v reflect.Value) bool {
	r.next()
	begin := r.at
	if !r.skipValue() {
		return false
	}
	return v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(r.text[begin:r.at]) == nil
}
