package v1alpha1

import (
	"fmt"
	"unicode/utf8"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// JSON holds one JSON value of any type: a string, number, list, object,
// boolean or null. The zero JSON is an absent field.
//
// Decoding brings the value into one canonical form (no white space, object
// keys sorted, numbers exactly as written), so two documents that mean the
// same compare equal and an update that changes nothing is recognised.
type JSON struct {
	// Raw is the value's text, or empty. It is a string because strings are
	// shared by copies and compared at once, where the API machinery compares
	// slices byte by byte.
	//
	// +k8s:opaqueType
	Raw string `json:"-"`
}

// RawJSON returns the text; that of a zero JSON is null.
func (j JSON) RawJSON() string { return rawOrNull(j.Raw) }

// MarshalJSON returns the text.
func (j JSON) MarshalJSON() ([]byte, error) { return []byte(j.RawJSON()), nil }

// ToUnstructuredWithError returns the value as the field manager of server-side
// apply holds it. Without this method it would decode the text of MarshalJSON.
func (j JSON) ToUnstructuredWithError() (any, error) { return unstructured(j.RawJSON()) }

// UnmarshalJSON stores data in canonical form.
func (j *JSON) UnmarshalJSON(data []byte) (err error) {
	j.Raw, err = canonicalJSON(data)
	return err
}

// SetPlainJSON takes a string that is in canonical form already.
func (j *JSON) SetPlainJSON(text string) { j.Raw = text }

// JSONObject holds one JSON object with free content. Decoding accepts any
// JSON value, in the canonical form of JSON; validation rejects what is not an
// object, because only validation can name the field.
type JSONObject struct {
	// Raw is the object's text, or empty.
	//
	// +k8s:opaqueType
	Raw string `json:"-"`
}

// RawJSON returns the text; that of a zero JSONObject is null.
func (j JSONObject) RawJSON() string { return rawOrNull(j.Raw) }

// MarshalJSON returns the text.
func (j JSONObject) MarshalJSON() ([]byte, error) { return []byte(j.RawJSON()), nil }

// ToUnstructuredWithError returns the object as the field manager holds it.
func (j JSONObject) ToUnstructuredWithError() (any, error) { return unstructured(j.RawJSON()) }

// UnmarshalJSON stores data in canonical form.
func (j *JSONObject) UnmarshalJSON(data []byte) (err error) {
	j.Raw, err = canonicalJSON(data)
	return err
}

func rawOrNull(raw string) string {
	if raw == "" {
		return "null"
	}
	return raw
}

// unstructured decodes a text into strings, booleans, int64 or float64 numbers,
// maps and lists.
func unstructured(text string) (value any, err error) {
	if isPlainText(text) {
		return text[1 : len(text)-1], nil
	}
	if err := utiljson.Unmarshal([]byte(text), &value); err != nil {
		return nil, fmt.Errorf("decode JSON value: %w", err)
	}
	return value, nil
}

// canonicalJSON rewrites one JSON value without white space, with sorted keys
// and with numbers kept as text, so that none loses precision.
func canonicalJSON(data []byte) (string, error) {
	if text := string(data); isPlainText(text) {
		return text, nil
	}
	return objectjson.Canonical(data)
}

// isPlainText tells whether text is a JSON string in canonical form already,
// which the input of nearly every query is: it has nothing to escape and
// nothing that is escaped.
func isPlainText(text string) bool {
	last := len(text) - 1
	if last < 1 || text[0] != '"' || text[last] != '"' {
		return false
	}
	for _, char := range text[1:last] {
		switch char {
		case '"', '\\', '\u2028', '\u2029', utf8.RuneError:
			return false
		}
		if char < ' ' {
			return false
		}
	}
	return true
}
