package objectjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

func (c *compiler) encoder(t reflect.Type) (encoder, error) {
	if known := c.encoders[t]; known != nil {
		return func(to []byte, v reflect.Value) ([]byte, bool) { return (*known)(to, v) }, nil
	}
	place := new(encoder)
	c.encoders[t] = place
	made, err := c.newEncoder(t)
	*place = made
	return made, err
}

func (c *compiler) newEncoder(t reflect.Type) (encoder, error) {
	if t.Kind() == reflect.Struct {
		if i := unknownIndex(t); i >= 0 {
			return c.keepingEncoder(t, i)
		}
	}
	if t.Kind() != reflect.Pointer {
		switch {
		case t == timeType:
			return encodeTime, nil
		case implements(t, marshalerType):
			return encodeMarshaler, nil
		case implements(t, textMarshalerType):
			return nil, fmt.Errorf("%s encodes itself as text", t)
		}
	}
	switch t.Kind() {
	case reflect.String:
		return func(to []byte, v reflect.Value) ([]byte, bool) { return appendString(to, v.String()), true }, nil
	case reflect.Bool:
		return func(to []byte, v reflect.Value) ([]byte, bool) { return strconv.AppendBool(to, v.Bool()), true }, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(to []byte, v reflect.Value) ([]byte, bool) { return strconv.AppendInt(to, v.Int(), 10), true }, nil
	case reflect.Struct:
		return c.structEncoder(t)
	case reflect.Pointer:
		elem, err := c.encoder(t.Elem())
		return orNull(func(to []byte, v reflect.Value) ([]byte, bool) { return elem(to, v.Elem()) }), err
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return nil, fmt.Errorf("%s holds bytes", t)
		}
		elem, err := c.encoder(t.Elem())
		return orNull(sliceEncoder(elem)), err
	case reflect.Map:
		return c.mapEncoder(t)
	}
	return nil, fmt.Errorf("%s is of no kind that API types hold", t)
}

func orNull(next encoder) encoder {
	return func(to []byte, v reflect.Value) ([]byte, bool) {
		if v.IsNil() {
			return append(to, "null"...), true
		}
		return next(to, v)
	}
}

func sliceEncoder(elem encoder) encoder {
	return func(to []byte, v reflect.Value) ([]byte, bool) {
		to = append(to, '[')
		for i := range v.Len() {
			if i > 0 {
				to = append(to, ',')
			}
			var ok bool
			if to, ok = elem(to, v.Index(i)); !ok {
				return to, false
			}
		}
		return append(to, ']'), true
	}
}

func (c *compiler) mapEncoder(t reflect.Type) (encoder, error) {
	if t.Key().Kind() != reflect.String || implements(t.Key(), textMarshalerType) {
		return nil, fmt.Errorf("%s has keys that are no plain strings", t)
	}
	elem, err := c.encoder(t.Elem())
	if err != nil {
		return nil, err
	}
	type entry struct {
		key   string
		value reflect.Value
	}
	return orNull(func(to []byte, v reflect.Value) ([]byte, bool) {
		entries := make([]entry, 0, v.Len())
		for it := v.MapRange(); it.Next(); {
			entries = append(entries, entry{it.Key().String(), it.Value()})
		}
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
		to = append(to, '{')
		for i, e := range entries {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendString(to, e.key), ':')
			var ok bool
			if to, ok = elem(to, e.value); !ok {
				return to, false
			}
		}
		return append(to, '}'), true
	}), nil
}

// encodedMember is a member with the text before its value.
type encodedMember struct {
	member
	start  string // ,"name":
	omit   func(reflect.Value) bool
	encode encoder
}

func (c *compiler) structEncoder(t reflect.Type) (encoder, error) {
	members, err := membersOf(t)
	if err != nil {
		return nil, err
	}
	fields := make([]encodedMember, len(members))
	for i, m := range members {
		encode, err := c.encoder(m.Type)
		if err != nil {
			return nil, err
		}
		fields[i] = encodedMember{member: m, start: `,"` + m.name + `":`, omit: m.omitted(), encode: encode}
	}
	return func(to []byte, v reflect.Value) ([]byte, bool) {
		begin := len(to)
		for i := range fields {
			f := &fields[i]
			value := f.field(v)
			if f.omit != nil && f.omit(value) {
				continue
			}
			to = append(to, f.start...)
			var ok bool
			if to, ok = f.encode(to, value); !ok {
				return to, false
			}
		}
		if len(to) == begin {
			return append(to, '{', '}'), true
		}
		to[begin] = '{' // in place of the first comma
		return append(to, '}'), true
	}, nil
}

// keepingEncoder encodes a struct whose field i keeps unknown ones.
func (c *compiler) keepingEncoder(t reflect.Type, i int) (encoder, error) {
	encode, err := c.structEncoder(t)
	if err != nil {
		return nil, err
	}
	return func(to []byte, v reflect.Value) ([]byte, bool) {
		begin := len(to)
		to, ok := encode(to, v)
		if !ok || v.Field(i).Field(0).Len() == 0 { // Raw
			return to, ok
		}
		unknown := UnknownFields{Raw: v.Field(i).Field(0).String()}
		return insertUnknown(to[:begin], bytes.Clone(to[begin:]), unknown.List())
	}, nil
}

type isZeroer interface{ IsZero() bool }

// omitted returns what tells whether a member's value is left out; nil if none is.
func (m *member) omitted() func(reflect.Value) bool {
	var tests []func(reflect.Value) bool
	if m.omitEmpty {
		switch m.Type.Kind() {
		case reflect.Map, reflect.Slice, reflect.String:
			tests = append(tests, func(v reflect.Value) bool { return v.Len() == 0 })
		case reflect.Struct:
			// never empty
		default:
			tests = append(tests, reflect.Value.IsZero)
		}
	}
	if m.omitZero {
		zeroer := reflect.TypeFor[isZeroer]()
		switch {
		case m.Type.Kind() == reflect.Pointer && m.Type.Implements(zeroer):
			tests = append(tests, func(v reflect.Value) bool { return v.IsNil() || v.Interface().(isZeroer).IsZero() })
		case implements(m.Type, zeroer):
			tests = append(tests, func(v reflect.Value) bool {
				if !v.CanAddr() {
					w := reflect.New(v.Type()).Elem()
					w.Set(v)
					v = w
				}
				return v.Addr().Interface().(isZeroer).IsZero()
			})
		default:
			tests = append(tests, reflect.Value.IsZero)
		}
	}
	switch len(tests) {
	case 0:
		return nil
	case 1:
		return tests[0]
	}
	return func(v reflect.Value) bool { return tests[0](v) || tests[1](v) }
}

// Raw is a json.Marshaler whose MarshalJSON returns a copy of this text.
type Raw interface{ RawJSON() string }

// encodeMarshaler appends what a value says of itself.
func encodeMarshaler(to []byte, v reflect.Value) ([]byte, bool) {
	if v.CanAddr() {
		v = v.Addr() // saves a copy
	}
	switch m := v.Interface().(type) {
	case Raw:
		return appendRaw(to, bytesOf(m.RawJSON()))
	case json.Marshaler:
		text, err := m.MarshalJSON()
		if err != nil {
			return to, false
		}
		return appendRaw(to, text)
	}
	return to, false // a pointer's method, and no pointer to be had
}
