package objectjson

import (
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// timeType decodes itself with encoding/json, which is most of what it costs, and
// an object has one for each of its managers and conditions.
var timeType = reflect.TypeFor[metav1.Time]()

func decodeTime(r *reader, v reflect.Value) bool {
	return r.time(v.Addr().Interface().(*metav1.Time))
}

// time fills a metav1.Time as its UnmarshalJSON does.
func (r *reader) time(t *metav1.Time) bool {
	text, ok := r.string()
	if !ok {
		return false
	}
	parsed, err := time.Parse(time.RFC3339, text)
	t.Time = parsed.Local()
	return err == nil
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
