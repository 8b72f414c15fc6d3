package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// decodeJSON reads one JSON value, keeping numbers as they are written.
func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the value")
	}
	return value, nil
}

// encodeJSON is the reverse, with the keys of objects in order.
func encodeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// differences lists the paths at which b differs from a. With onlyLost, what b has beyond a is no
// difference.
func differences(a, b any, onlyLost bool) []string {
	var paths []string
	compare(&paths, "", a, b, onlyLost)
	return paths
}

func compare(paths *[]string, at string, a, b any, onlyLost bool) {
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok {
			break
		}
		keys := slices.Collect(maps.Keys(a))
		if !onlyLost {
			for key := range other {
				if _, both := a[key]; !both {
					keys = append(keys, key)
				}
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			mine, inA := a[key]
			its, inB := other[key]
			if inA != inB {
				*paths = append(*paths, child(at, key))
				continue
			}
			compare(paths, child(at, key), mine, its, onlyLost)
		}
		return
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			break
		}
		for i := range a {
			compare(paths, fmt.Sprintf("%s[%d]", at, i), a[i], other[i], onlyLost)
		}
		return
	case json.Number:
		if other, ok := b.(json.Number); ok && sameNumber(a, other) {
			return
		}
	default:
		// A map or a list in b is not comparable, but never equal either.
		switch b.(type) {
		case map[string]any, []any:
		default:
			if a == b {
				return
			}
		}
	}
	if at == "" {
		at = "the whole object"
	}
	*paths = append(*paths, at)
}

// sameNumber tells whether two numbers are equal however they are written.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	_, errA := strconv.ParseInt(a.String(), 10, 64)
	_, errB := strconv.ParseInt(b.String(), 10, 64)
	if errA == nil && errB == nil {
		return false
	}
	x, errA := a.Float64()
	y, errB := b.Float64()
	return errA == nil && errB == nil && x == y
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func child(at, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return fmt.Sprintf("%s[%q]", at, key)
	case at == "":
		return key
	}
	return at + "." + key
}
