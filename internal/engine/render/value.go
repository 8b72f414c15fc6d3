package render

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"text/template"
)

// value is a value of the data or of a template. A missing key and a nil render in the same way;
// only the nil has no fields.
type value struct {
	of    any
	there bool
}

var (
	missing = value{}
	null    = value{there: true}
)

func valueOf(v any) value { return value{v, true} }

func (v value) isNil() bool { return v.of == nil }

// kind names the type of a value for the template's author.
func (v value) kind() string {
	switch r := reflect.ValueOf(v.of); r.Kind() {
	case reflect.Invalid:
		return "nil"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "a boolean"
	case reflect.Map:
		return "a map"
	case reflect.Slice, reflect.Array:
		return "a list"
	default:
		return "a number"
	}
}

// truth returns the condition that if uses for a value.
func (v value) truth() bool {
	truth, ok := template.IsTrue(v.of)
	return ok && truth
}

// text returns the printed form of a value.
func (v value) text() (string, error) {
	if v.isNil() {
		return "<no value>", nil
	}
	return short(fmt.Sprint(v.of))
}

// field returns the value of a key.
func (v value) field(name string) (value, error) {
	if !v.there {
		return missing, nil
	}
	r := reflect.ValueOf(v.of)
	if r.Kind() != reflect.Map || r.Type().Key().Kind() != reflect.String {
		return missing, fmt.Errorf("%s has no field %s", v.kind(), name)
	}
	if found := r.MapIndex(reflect.ValueOf(name).Convert(r.Type().Key())); found.IsValid() {
		return valueOf(found.Interface()), nil
	}
	return missing, nil
}

// each calls f for each element of a list or map, in the order of its keys, and for the numbers
// below one.
func (v value) each(both bool, f func(key, element value) error) error {
	r := reflect.ValueOf(v.of)
	switch {
	case !r.IsValid():
		return nil
	case r.CanInt() || r.CanUint():
		if both {
			return errors.New("a number gives one variable, not two")
		}
		for i := range r.Seq() {
			if err := f(valueOf(i.Interface()), valueOf(i.Interface())); err != nil {
				return err
			}
		}
		return nil
	}
	switch r.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range r.Len() {
			if err := f(valueOf(i), valueOf(r.Index(i).Interface())); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		if r.Type().Key().Kind() != reflect.String {
			break
		}
		keys := r.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, key := range keys {
			if err := f(valueOf(key.Interface()), valueOf(r.MapIndex(key).Interface())); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("range cannot go through %s", v.kind())
}

// length returns how many bytes a text, or elements a list or map has.
func (v value) length() (int, error) {
	switch r := reflect.ValueOf(v.of); r.Kind() {
	case reflect.String, reflect.Slice, reflect.Array, reflect.Map:
		return r.Len(), nil
	}
	return 0, fmt.Errorf("%s has no length", v.kind())
}

// position converts a value to an index of something with a length; last also allows the length
// itself.
func (v value) position(length int, last bool) (int, error) {
	r := reflect.ValueOf(v.of)
	var n int64
	switch {
	case r.IsValid() && r.CanInt():
		n = r.Int()
	case r.IsValid() && r.CanUint() && r.Uint() <= 1<<62:
		n = int64(r.Uint()) //nolint:gosec // it has just been compared
	default:
		return 0, fmt.Errorf("%s is no index", v.kind())
	}
	if n < 0 || n > int64(length) || n == int64(length) && !last {
		return 0, fmt.Errorf("the index %d is out of range: there are %d", n, length)
	}
	return int(n), nil
}

// index returns an element of a list or a map, or a byte of a text.
func (v value) index(at value) (value, error) {
	r := reflect.ValueOf(v.of)
	switch r.Kind() {
	case reflect.Slice, reflect.Array, reflect.String:
		i, err := at.position(r.Len(), false)
		if err != nil {
			return missing, err
		}
		return valueOf(r.Index(i).Interface()), nil
	case reflect.Map:
		key := reflect.ValueOf(at.of)
		if r.Type().Key().Kind() != reflect.String || key.Kind() != reflect.String {
			return missing, fmt.Errorf("%s is no key of this map", at.kind())
		}
		found := r.MapIndex(key.Convert(r.Type().Key()))
		if !found.IsValid() {
			found = reflect.Zero(r.Type().Elem())
		}
		return valueOf(found.Interface()), nil
	}
	return missing, fmt.Errorf("%s has no elements", v.kind())
}

// part returns a part of a text or list.
func (v value) part(bounds []value) (value, error) {
	r := reflect.ValueOf(v.of)
	isText := r.Kind() == reflect.String
	if !isText && r.Kind() != reflect.Slice {
		return missing, fmt.Errorf("%s has no parts", v.kind())
	}
	if len(bounds) > 3 || isText && len(bounds) > 2 {
		return missing, errors.New("slice has too many indexes")
	}
	most := r.Len()
	if !isText {
		most = r.Cap()
	}
	at := []int{0, r.Len(), most}
	for i, bound := range bounds {
		var err error
		if at[i], err = bound.position(most, true); err != nil {
			return missing, err
		}
	}
	if at[0] > at[1] || at[1] > at[2] {
		return missing, fmt.Errorf("the index %d is behind %d", at[0], at[1])
	}
	if len(bounds) == 3 {
		return valueOf(r.Slice3(at[0], at[1], at[2]).Interface()), nil
	}
	return valueOf(r.Slice(at[0], at[1]).Interface()), nil
}
