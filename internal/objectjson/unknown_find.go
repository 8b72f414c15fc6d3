package objectjson

import "reflect"

// finder takes the value at the reader's place and notes the fields in it that a Go
// type does not declare. It reads text only, and no object.
type finder func(r *reader, at Path, found *[]UnknownField) bool

// finder returns nil for types that declare no fields, or that decode themselves.
func (c *compiler) finder(t reflect.Type) (finder, error) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if t.Kind() != reflect.Pointer && implements(t, unmarshalerType) {
			return nil, nil
		}
		elem, err := c.finder(t.Elem())
		if elem == nil || err != nil || t.Kind() == reflect.Pointer {
			return elem, err
		}
		if t.Kind() == reflect.Map {
			return mapFinder(elem), nil
		}
		return sliceFinder(elem), nil
	case reflect.Struct:
		if t == timeType || unknownIndex(t) < 0 && implements(t, unmarshalerType) {
			return nil, nil
		}
		if known := c.finders[t]; known != nil {
			return func(r *reader, at Path, found *[]UnknownField) bool { return (*known)(r, at, found) }, nil
		}
		place := new(finder)
		c.finders[t] = place
		made, err := c.structFinder(t)
		*place = made
		return made, err
	}
	return nil, nil
}

func (c *compiler) structFinder(t reflect.Type) (finder, error) {
	members, err := membersOf(t)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]finder, len(members))
	for _, m := range members {
		if fields[m.name], err = c.finder(m.Type); err != nil {
			return nil, err
		}
	}
	return func(r *reader, at Path, found *[]UnknownField) bool {
		return r.eachMember(func(key string) bool {
			inside, known := fields[key]
			here := append(at[:len(at):len(at)], name(key))
			switch {
			case !known:
				begin, ok := r.skipNoting()
				if !ok {
					return false
				}
				*found = append(*found, UnknownField{Path: here, Value: string(r.text[begin:r.at])})
				return true
			case inside == nil:
				_, ok := r.skipNoting()
				return ok
			}
			return inside(r, here, found)
		})
	}, nil
}

func mapFinder(elem finder) finder {
	return func(r *reader, at Path, found *[]UnknownField) bool {
		return r.eachMember(func(key string) bool {
			return elem(r, append(at[:len(at):len(at)], name(key)), found)
		})
	}
}

func sliceFinder(elem finder) finder {
	return func(r *reader, at Path, found *[]UnknownField) bool {
		if r.next() != '[' {
			return r.skipValue() // null
		}
		for n := 0; ; n++ {
			if more, ok := r.element(n); !more || !ok {
				return ok
			}
			if !elem(r, append(at[:len(at):len(at)], Index(n)), found) {
				return false
			}
		}
	}
}

// skipNoting takes a value, and notes whether it nests too deep.
func (r *reader) skipNoting() (begin int, ok bool) {
	r.next()
	begin = r.at
	ok = r.skipValue()
	if ok && r.at-begin > 2*MaxNesting && nesting(r.text[begin:r.at]) > MaxNesting {
		r.tooDeep = true
	}
	return begin, ok
}

// eachMember has take take the values of an object, or skips what is none.
func (r *reader) eachMember(take func(key string) bool) bool {
	if r.next() != '{' {
		return r.skipValue()
	}
	for n := 0; ; n++ {
		text, more, ok := r.key(n)
		if !more || !ok {
			return ok
		}
		key, ok := meaning(text)
		if !ok || !take(key) {
			return false
		}
	}
}

// unknownIndex returns which field of a struct keeps the unknown ones; -1 for none.
func unknownIndex(t reflect.Type) int {
	for i := range t.NumField() {
		if t.Field(i).Type == unknownType {
			return i
		}
	}
	return -1
}

var unknownType = reflect.TypeFor[UnknownFields]()
