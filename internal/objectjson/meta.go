package objectjson

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var fieldsType = reflect.TypeFor[metav1.FieldsV1]()

// blocks hold what pointers in the object being decoded point to, several at a time:
// caches keep objects by the ten thousand, and the garbage collector visits each
// piece of each.
type blocks struct {
	times  []metav1.Time
	fields []metav1.FieldsV1
}

// blockSize is how many values a block has; a query mostly has three managers.
const blockSize = 4

// one takes a zero value from a block.
func one[T any](block *[]T) *T {
	if len(*block) == 0 {
		*block = make([]T, blockSize)
	}
	value := &(*block)[0]
	*block = (*block)[1:]
	return value
}

func decodeTimePointer(r *reader, v reflect.Value) bool {
	t := one(&r.times)
	*v.Addr().Interface().(**metav1.Time) = t
	return r.time(t)
}

func decodeFieldsPointer(r *reader, v reflect.Value) bool {
	r.next()
	begin := r.at
	if !r.skipValue() {
		return false
	}
	f := one(&r.fields)
	f.SetRawBytes(r.text[begin:r.at])
	*v.Addr().Interface().(**metav1.FieldsV1) = f
	return true
}
