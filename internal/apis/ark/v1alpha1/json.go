package v1alpha1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// JSON holds one JSON value of any type: a string, number, list, object,
// boolean or null. The zero JSON is an absent field.
//
// Decoding brings the value into one canonical form (no white space, object
// keys sorted, numbers exactly as written), so two documents that mean the
// same compare equal and an update that changes nothing is recognised.
type JSON struct {
	// Raw is the value's text, or nil.
	//
	// +k8s:opaqueType
	Raw []byte `json:"-"`
}

// MarshalJSON returns the text; a zero JSON is null.
func (j JSON) MarshalJSON() ([]byte, error) { return rawOrNull(j.Raw), nil }

// UnmarshalJSON stores data in canonical form.
func (j *JSON) UnmarshalJSON(data []byte) (err error) {
	j.Raw, err = canonicalJSON(data)
	return err
}

// JSONObject holds one JSON object with free content. Decoding accepts any
// JSON value, in the canonical form of JSON; validation rejects what is not an
// object, because only validation can name the field.
type JSONObject struct {
	// Raw is the object's text, or nil.
	//
	// +k8s:opaqueType
	Raw []byte `json:"-"`
}

// MarshalJSON returns the text; a zero JSONObject is null.
func (j JSONObject) MarshalJSON() ([]byte, error) { return rawOrNull(j.Raw), nil }

// UnmarshalJSON stores data in canonical form.
func (j *JSONObject) UnmarshalJSON(data []byte) (err error) {
	j.Raw, err = canonicalJSON(data)
	return err
}

func rawOrNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}

// canonicalJSON rewrites one JSON value without white space, with sorted keys
// and with numbers kept as text, so that none loses precision.
func canonicalJSON(data []byte) ([]byte, error) {
	if isPlainText(data) {
		return bytes.Clone(data), nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("decode JSON value: %w", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encode JSON value: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// isPlainText tells whether data is a JSON string in canonical form already,
// which the input of nearly every query is: it has nothing to escape and
// nothing that is escaped.
func isPlainText(data []byte) bool {
	last := len(data) - 1
	if last < 1 || data[0] != '"' || data[last] != '"' {
		return false
	}
	for _, char := range string(data[1:last]) {
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
