package install

import (
	"reflect"
	"slices"

	"github.com/mckinsey/ark-server/internal/apis/ark/registration"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// Kind is what the API calls one kind, and its Go types.
type Kind = registration.Kind

// Kinds returns all kinds of the API. A kind comes after those that own its objects or that they name: in this order
// objects can be moved while a garbage collector watches.
func Kinds() []Kind {
	// Those of v1prealpha1 name and are owned by none of v1alpha1.
	return slices.Concat(v1prealpha1.Kinds(), v1alpha1.Kinds())
}

// Of returns the kind whose objects are of type T, or the zero Kind for another type.
func Of[T any]() Kind {
	for _, kind := range Kinds() {
		if reflect.TypeOf(kind.New()) == reflect.TypeFor[*T]() {
			return kind
		}
	}
	return Kind{}
}
