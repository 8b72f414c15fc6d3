package objectjson

import (
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// timeType decodes itself with encoding/json, which is most of what it costs, and
// an object has one for each of its managers and conditions.
var timeType = reflect.TypeFor[metav1.Time]()

// decodeTime fills a metav1.Time as its UnmarshalJSON does.
func decodeTime(r *reader, v reflect.Value) bool {
	text, ok := r.string()
	if !ok {
		return false
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return false
	}
	v.Addr().Interface().(*metav1.Time).Time = t.Local()
	return true
}

// encodeTime appends a metav1.Time as its MarshalJSON has it.
func encodeTime(to []byte, v reflect.Value) ([]byte, bool) {
	var t time.Time
	if v.CanAddr() {
		t = v.Addr().Interface().(*metav1.Time).Time
	} else {
		t = v.Interface().(metav1.Time).Time
	}
	if t.IsZero() {
		return append(to, "null"...), true
	}
	to = t.UTC().AppendFormat(append(to, '"'), time.RFC3339)
	return append(to, '"'), true
}
