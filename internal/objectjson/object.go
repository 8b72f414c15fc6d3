package objectjson

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sync"

	kjson "sigs.k8s.io/json"
)

// Object is an API object that keeps the fields of its JSON text that its type does
// not declare, whoever encodes and decodes it: it implements json.Marshaler and
// json.Unmarshaler by Marshal and Unmarshal.
type Object interface {
	json.Marshaler
	json.Unmarshaler
	// UnknownFields returns the place where they are.
	UnknownFields() *UnknownFields
	// Plain returns the object as a pointer to a type without methods, for code that
	// goes by its Go fields.
	Plain() any
}

// codecs are those of the types without methods, each made when it is first needed.
var codecs sync.Map // of reflect.Type to *Codec

func codecOf(plain any) (*Codec, error) {
	t := reflect.TypeOf(plain)
	if known, ok := codecs.Load(t); ok {
		return known.(*Codec), nil
	}
	made, err := For(plain)
	if err != nil {
		return nil, err
	}
	known, _ := codecs.LoadOrStore(t, made)
	return known.(*Codec), nil
}

// Marshal encodes what Object.Plain returns.
func Marshal(plain any) ([]byte, error) {
	codec, err := codecOf(plain)
	if err != nil {
		return nil, err
	}
	if text, ok := codec.Append(nil, plain); ok {
		return text, nil
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	unknown := unknownOf(plain)
	if unknown.Raw == "" {
		return text, nil
	}
	whole, ok := insertUnknown(nil, text, unknown.List())
	if !ok {
		return nil, fmt.Errorf("encode the unknown fields of %T: its text is not understood", plain)
	}
	return whole, nil
}

// Unmarshal decodes a text into what Object.Plain returns, as sigs.k8s.io/json does.
func Unmarshal(text []byte, plain any) error {
	codec, err := codecOf(plain)
	if err != nil {
		return err
	}
	if codec.Decode(string(text), plain) {
		return nil
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, plain); err != nil {
		return err
	}
	if err := checkNumbers(text); err != nil {
		return err
	}
	if codec.find == nil {
		return nil
	}
	*unknownOf(plain), err = findUnknown(codec.find, text)
	return err
}

func unknownOf(plain any) *UnknownFields {
	v := reflect.ValueOf(plain).Elem()
	return v.Field(unknownIndex(v.Type())).Addr().Interface().(*UnknownFields)
}
