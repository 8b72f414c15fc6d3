package registry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// key is the value by which an object is sorted. The zero key is that of an absent value and
// comes first; keys of one list are of one kind, but for absent ones.
type key struct {
	present bool
	number  float64 // for numbers, times, durations and booleans
	text    string
	isText  bool
}

func newKey(value reflect.Value) (key, error) {
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface {
		if value.IsNil() {
			return key{}, nil
		}
		value = value.Elem()
	}
	if !value.IsValid() {
		return key{}, nil
	}
	switch v := value.Interface().(type) {
	case metav1.Time:
		if v.IsZero() {
			return key{}, nil
		}
		return key{present: true, number: float64(v.UnixMicro())}, nil
	case metav1.MicroTime:
		return key{present: true, number: float64(v.UnixMicro())}, nil
	case json.Marshaler:
		text, err := v.MarshalJSON()
		if err != nil {
			return key{}, fmt.Errorf("encode a value: %w", err)
		}
		return key{present: true, isText: true, text: string(text)}, nil
	}
	switch value.Kind() {
	case reflect.String:
		return key{present: value.String() != "", isText: true, text: value.String()}, nil
	case reflect.Bool:
		k := key{present: true}
		if value.Bool() {
			k.number = 1
		}
		return k, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return key{present: true, number: float64(value.Int())}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return key{present: true, number: float64(value.Uint())}, nil
	case reflect.Float32, reflect.Float64:
		return key{present: true, number: value.Float()}, nil
	}
	return key{}, errNoValue
}

// unify turns texts into durations if all of them are, so that 5m comes before 1h.
func unify(keys []key) {
	durations := make([]float64, len(keys))
	for i, k := range keys {
		if !k.present {
			continue
		}
		d, err := time.ParseDuration(k.text)
		if !k.isText || err != nil {
			return
		}
		durations[i] = float64(d)
	}
	for i := range keys {
		keys[i].isText, keys[i].number = false, durations[i]
	}
}

func (k key) compare(other key) int {
	switch {
	case k.present != other.present:
		if k.present {
			return 1
		}
		return -1
	case k.isText:
		return cmp.Compare(k.text, other.text)
	}
	return cmp.Compare(k.number, other.number)
}
