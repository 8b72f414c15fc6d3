package render

import (
	"errors"
	"fmt"
	"text/template"
)

// functions are those of text/template except call, because data contain no functions.
var functions = map[string]func(args []value) (value, error){
	"and": last,
	"or":  last,
	"not": func(args []value) (value, error) {
		return one(args, func(v value) (any, error) { return !v.truth(), nil })
	},
	"len":      func(args []value) (value, error) { return one(args, func(v value) (any, error) { return v.length() }) },
	"index":    index,
	"slice":    slice,
	"print":    printing(fmt.Sprint),
	"println":  printing(fmt.Sprintln),
	"printf":   printf,
	"html":     printing(template.HTMLEscaper),
	"js":       printing(template.JSEscaper),
	"urlquery": printing(template.URLQueryEscaper),
	"eq":       equal,
	"ne": func(args []value) (value, error) {
		return two(args, func(a, b value) (bool, error) { e, err := same(a, b); return !e, err })
	},
	"lt": func(args []value) (value, error) { return two(args, less) },
	"le": func(args []value) (value, error) {
		return two(args, func(a, b value) (bool, error) {
			if yes, err := less(a, b); err != nil || yes {
				return yes, err
			}
			return same(a, b)
		})
	},
	"gt": func(args []value) (value, error) { return two(args, more) },
	"ge": func(args []value) (value, error) {
		return two(args, func(a, b value) (bool, error) { yes, err := less(a, b); return !yes, err })
	},
}

// names gives the parser the names of the functions.
var names = func() map[string]any {
	out := map[string]any{}
	for name := range functions {
		out[name] = name
	}
	return out
}()

var errArguments = errors.New("the function has a wrong number of arguments")

// last returns the last argument of and or or, if no earlier one decided the result.
func last(args []value) (value, error) {
	if len(args) == 0 {
		return missing, errArguments
	}
	return args[len(args)-1], nil
}

func one(args []value, f func(value) (any, error)) (value, error) {
	if len(args) != 1 {
		return missing, errArguments
	}
	result, err := f(args[0])
	return valueOf(result), err
}

func two(args []value, f func(a, b value) (bool, error)) (value, error) {
	if len(args) != 2 {
		return missing, errArguments
	}
	result, err := f(args[0], args[1])
	return valueOf(result), err
}

func index(args []value) (value, error) {
	if len(args) == 0 {
		return missing, errArguments
	}
	v := args[0]
	if v.isNil() {
		return missing, errors.New("nil has no elements")
	}
	for _, at := range args[1:] {
		var err error
		if v, err = v.index(at); err != nil {
			return missing, err
		}
	}
	return v, nil
}

func slice(args []value) (value, error) {
	if len(args) == 0 {
		return missing, errArguments
	}
	return args[0].part(args[1:])
}

// equal reports whether the first argument is equal to any of the others.
func equal(args []value) (value, error) {
	if len(args) < 2 {
		return missing, errArguments
	}
	for _, other := range args[1:] {
		yes, err := same(args[0], other)
		if err != nil || yes {
			return valueOf(yes), err
		}
	}
	return valueOf(false), nil
}
