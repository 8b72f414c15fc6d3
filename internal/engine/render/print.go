package render

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// few is how many arguments or directives may each produce maxText bytes without a prior check of
// their size.
const few = 16

// printing wraps a print function of the library.
func printing(print func(args ...any) string) func(args []value) (value, error) {
	return func(args []value) (value, error) {
		texts := textsOf(args)
		if len(args) > few && !fit(texts, 1) {
			return missing, errText
		}
		text, err := short(print(texts...))
		return valueOf(text), err
	}
}

func printf(args []value) (value, error) {
	if len(args) == 0 {
		return missing, errArguments
	}
	format, ok := args[0].of.(string)
	if !ok {
		return missing, errors.New("the format is no text")
	}
	texts := textsOf(args[1:])
	directives, padding := measure(format)
	if padding > maxText || directives > few && !fit(texts, directives) {
		return missing, errText
	}
	text, err := short(fmt.Sprintf(format, texts...))
	return valueOf(text), err
}

// measure returns how many directives a format has, and how many bytes their widths and precisions
// may add.
func measure(format string) (directives, padding int) {
	for {
		_, rest, found := strings.Cut(format, "%")
		if !found {
			return directives, padding
		}
		directives++
		end := strings.IndexFunc(rest, func(r rune) bool { return !strings.ContainsRune("+-# 0123456789.*[]", r) })
		if end < 0 {
			end = len(rest)
		}
		for _, digits := range strings.FieldsFunc(rest[:end], func(r rune) bool { return r < '0' || r > '9' }) {
			if n, err := strconv.Atoi(digits); err == nil && n <= maxText { // fmt ignores larger ones
				padding += n
			}
		}
		padding += strings.Count(rest[:end], "*") * maxText / few
		format = strings.TrimPrefix(rest[end:], "%") // a second one ends the directive
	}
}

// fit reports whether the texts stay within the bound if each is printed the given number of times.
func fit(texts []any, times int) bool {
	room := few * maxText / times
	for _, text := range texts {
		if room -= len(fmt.Sprint(text)); room < 0 {
			return false
		}
	}
	return true
}

// textsOf converts the values to arguments of print functions.
func textsOf(args []value) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		out[i] = arg.of
	}
	return out
}

// short returns an error for a text that exceeds the bound of a function's result.
func short(text string) (string, error) {
	if len(text) > maxText {
		return "", errText
	}
	return text, nil
}
