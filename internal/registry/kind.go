package registry

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
)

// Kind describes one kind of the API: what the generic store and strategy need
// to know to serve it. Values are immutable and safe for concurrent use.
type Kind struct {
	install.Kind
	// Columns are what tables show after the object's name.
	Columns []Column
	// Fields are the fields that field selectors accept in addition to name and namespace.
	Fields []Field

	parts parts
	hooks hooks[runtime.Object]
}

// Column is one printed column. Its JSONPath is that of the CRD's column; it is
// only published as the column's description, Cell computes the value.
type Column struct {
	// Name is the header.
	Name string
	// Type is an OpenAPI type, or "date" for an age.
	Type string
	// JSONPath names the field shown.
	JSONPath string
	// Priority is 0 for columns that are always shown, greater for -o wide.
	Priority int32
	// Description replaces the default text, which quotes the JSONPath.
	Description string
	// Cell returns the value for an object, or nil where it has none.
	Cell func(runtime.Object) any
}

// parts gives access to the halves of an object without reflection.
type parts struct {
	// specOf and statusOf return pointers into the object.
	specOf, statusOf func(runtime.Object) any
	// clearStatus empties the status.
	clearStatus func(obj runtime.Object)
	// copyStatus sets dst's status to src's, sharing memory with it.
	copyStatus func(dst, src runtime.Object)
	// keepOnlyStatus makes dst a copy of src in everything but its status.
	keepOnlyStatus func(dst, src runtime.Object)
	// durations and statusDurations return where the object's spec and its status hold
	// durations; nil without any.
	durations, statusDurations places
}

// Kinds returns all kinds of the API, in the order of install.Kinds. Each kind's definition is the
// function define<Kind> in its own file; make generate lists them.
func Kinds() []Kind { return definitions() }

// definition is the content of a kind's own file.
//
// T is the object's type; S and U are the types of its spec and status fields.
type definition[T, S, U any] struct {
	spec    func(*T) *S
	status  func(*T) *U
	columns []column[T]
	fields  []selectable[T]
	// durations and statusDurations return where an object's spec and its status hold
	// durations, in a fixed order, with nil for what this object does not have.
	durations, statusDurations func(*T) []place
	hooks                      hooks[*T]
}

// column is a Column before its cell function forgets the object's type.
type column[T any] struct {
	name, kind, path, description string
	// wide columns are shown by kubectl get -o wide only.
	wide bool
	cell func(*T) any
}

// object is satisfied by the pointer to an API type.
type object[T any] interface {
	*T
	runtime.Object
	metav1.Object
}

// define turns a typed definition into a Kind. The functions of the Kind panic
// when given an object of another type, which only a programming error does.
func define[T, S, U any, P object[T]](d definition[T, S, U]) Kind {
	typed := func(obj runtime.Object) *T { return (*T)(obj.(P)) }
	k := Kind{
		Kind: install.Of[T](),
		parts: parts{
			specOf:   func(obj runtime.Object) any { return d.spec(typed(obj)) },
			statusOf: func(obj runtime.Object) any { return d.status(typed(obj)) },
			clearStatus: func(obj runtime.Object) {
				var none U
				*d.status(typed(obj)) = none
			},
			copyStatus: func(dst, src runtime.Object) {
				*d.status(typed(dst)) = *d.status(typed(src))
			},
			keepOnlyStatus: func(dst, src runtime.Object) {
				status := *d.status(typed(dst))
				*typed(dst) = *typed(src.DeepCopyObject())
				*d.status(typed(dst)) = status
			},
		},
	}
	if d.durations != nil {
		k.parts.durations = func(obj runtime.Object) []place { return d.durations(typed(obj)) }
	}
	if d.statusDurations != nil {
		k.parts.statusDurations = func(obj runtime.Object) []place { return d.statusDurations(typed(obj)) }
	}
	for _, c := range d.columns {
		k.Columns = append(k.Columns, Column{
			Name: c.name, Type: c.kind, JSONPath: c.path, Description: c.description, Priority: c.priority(),
			Cell: func(obj runtime.Object) any { return c.cell(typed(obj)) },
		})
	}
	for _, f := range d.fields {
		k.Fields = append(k.Fields, Field{
			Path:  f.path,
			Value: func(obj runtime.Object) string { return f.value(typed(obj)) },
		})
	}
	k.hooks = untyped(d.hooks, typed)
	return k
}
