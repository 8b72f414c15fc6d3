package render

import (
	"fmt"
	"reflect"
)

// class groups the kinds of values that can be compared with each other.
type class int

const (
	classOther class = iota
	classBool
	classInt
	classUint
	classFloat
	classComplex
	classText
)

func (v value) class() class {
	r := reflect.ValueOf(v.of)
	switch {
	case !r.IsValid():
		return classOther
	case r.Kind() == reflect.Bool:
		return classBool
	case r.CanInt():
		return classInt
	case r.CanUint():
		return classUint
	case r.CanFloat():
		return classFloat
	case r.CanComplex():
		return classComplex
	case r.Kind() == reflect.String:
		return classText
	}
	return classOther
}

// same reports whether two values are equal. Like text/template, it does not compare numbers of
// different kinds.
func same(a, b value) (bool, error) {
	x, y := reflect.ValueOf(a.of), reflect.ValueOf(b.of)
	kind, other := a.class(), b.class()
	switch {
	case kind == classInt && other == classUint:
		return x.Int() >= 0 && uint64(x.Int()) == y.Uint(), nil //nolint:gosec // it is not negative
	case kind == classUint && other == classInt:
		return same(b, a)
	case kind != other && x.IsValid() && y.IsValid():
		return false, incompatible(a, b)
	case kind != other || !x.IsValid() || !y.IsValid():
		return isNothing(x) && isNothing(y), nil
	}
	switch kind {
	case classBool:
		return x.Bool() == y.Bool(), nil
	case classInt:
		return x.Int() == y.Int(), nil
	case classUint:
		return x.Uint() == y.Uint(), nil
	case classFloat:
		return x.Float() == y.Float(), nil
	case classComplex:
		return x.Complex() == y.Complex(), nil
	case classText:
		return x.String() == y.String(), nil
	case classOther:
	}
	// A list or map equals only nil.
	if isNothing(x) || isNothing(y) {
		return isNothing(x) == isNothing(y), nil
	}
	return false, incompatible(a, b)
}

// isNothing reports whether a value is nil, or a nil list or map.
func isNothing(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Map, reflect.Slice:
		return v.IsNil()
	}
	return false
}

// less reports whether a is less than b.
func less(a, b value) (bool, error) {
	x, y := reflect.ValueOf(a.of), reflect.ValueOf(b.of)
	switch kind, other := a.class(), b.class(); {
	case kind == classInt && other == classUint:
		return x.Int() < 0 || uint64(x.Int()) < y.Uint(), nil //nolint:gosec // it is not negative
	case kind == classUint && other == classInt:
		return y.Int() >= 0 && x.Uint() < uint64(y.Int()), nil //nolint:gosec // it is not negative
	case kind != other:
		return false, incompatible(a, b)
	case kind == classInt:
		return x.Int() < y.Int(), nil
	case kind == classUint:
		return x.Uint() < y.Uint(), nil
	case kind == classFloat:
		return x.Float() < y.Float(), nil
	case kind == classText:
		return x.String() < y.String(), nil
	}
	return false, fmt.Errorf("%s has no order", a.kind())
}

// more reports whether a is greater than b: neither less nor equal.
func more(a, b value) (bool, error) {
	if yes, err := less(a, b); err != nil || yes {
		return false, err
	}
	equal, err := same(a, b)
	return !equal, err
}

func incompatible(a, b value) error {
	return fmt.Errorf("%s and %s cannot be compared", a.kind(), b.kind())
}
