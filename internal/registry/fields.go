package registry

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

// A field selector works only where three places agree on a field's name: the
// label conversion that the API package registers on the scheme, the attributes
// of an object, and the predicate. The last two are here.

// attributes returns what selectors are matched against.
func (k Kind) attributes(obj runtime.Object) (labels.Set, fields.Set, error) {
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil, nil, fmt.Errorf("read the metadata of a %s: %w", k.Name, err)
	}
	set := fields.Set{"metadata.name": m.GetName()}
	if !k.ClusterScoped {
		set["metadata.namespace"] = m.GetNamespace()
	}
	return labels.Set(m.GetLabels()), set, nil
}

func (k Kind) predicate(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
	return storage.SelectionPredicate{Label: label, Field: field, GetAttrs: k.attributes}
}
