package registration

import (
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is what the API calls one kind, and its Go types. Values are immutable and safe for
// concurrent use.
type Kind struct {
	// GroupVersion is the one version in which the kind is served and stored.
	GroupVersion schema.GroupVersion
	// Name is the kind as in "kind: Agent".
	Name string
	// Plural and Singular are the resource's names: "agents", "agent".
	Plural, Singular string
	// ShortNames are what kubectl accepts in place of Plural.
	ShortNames []string
	// ClusterScoped kinds have no namespace.
	ClusterScoped bool
	// Selectable are the fields that field selectors accept beside the name and the namespace;
	// status.conditions.X stands for the status of the condition of type X. A selector works
	// only if the kind's definition in the registry has the same field.
	Selectable []string
	// New and NewList return an empty object and an empty list.
	New, NewList func() runtime.Object
}

// object is satisfied by the pointer to an API type, or to its list type.
type object[T any] interface {
	*T
	runtime.Object
}

// Of completes a kind whose objects are of type T and whose lists are of type L. T's name
// is the kind's, and its lower case the singular.
func Of[T, L any, P object[T], Q object[L]](version schema.GroupVersion, k Kind) Kind {
	k.GroupVersion = version
	k.Name = reflect.TypeFor[T]().Name()
	k.Singular = strings.ToLower(k.Name)
	k.New = func() runtime.Object { return P(new(T)) }
	k.NewList = func() runtime.Object { return Q(new(L)) }
	return k
}

// Resource returns the group and plural name.
func (k Kind) Resource() schema.GroupResource {
	return k.GroupVersion.WithResource(k.Plural).GroupResource()
}

// GroupVersionKind returns the kind in its version.
func (k Kind) GroupVersionKind() schema.GroupVersionKind {
	return k.GroupVersion.WithKind(k.Name)
}
