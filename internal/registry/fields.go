package registry

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/client-go/tools/cache"
)

// Field is a field of an object that a field selector can name. The watch cache
// has an index for it. Its path is also registered with the kind on the scheme, by
// the API package: a selector works only if both agree.
type Field struct {
	// Path is the field's, such as status.phase.
	Path string
	// Value returns the field's value, "" where it is absent.
	Value func(runtime.Object) string
}

// selectable is a Field before its function forgets the object's type.
type selectable[T any] struct {
	path  string
	value func(*T) string
}

// attributes returns what selectors are matched against.
func (k Kind) attributes(obj runtime.Object) (labels.Set, fields.Set, error) {
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil, nil, fmt.Errorf("read the metadata of a %s: %w", k.Name, err)
	}
	set := make(fields.Set, 2+len(k.Fields))
	set["metadata.name"] = m.GetName()
	if !k.ClusterScoped {
		set["metadata.namespace"] = m.GetNamespace()
	}
	for _, f := range k.Fields {
		set[f.Path] = f.Value(obj)
	}
	return labels.Set(m.GetLabels()), set, nil
}

func (k Kind) predicate(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
	p := storage.SelectionPredicate{Label: label, Field: field, GetAttrs: k.attributes}
	for _, f := range k.Fields {
		p.IndexFields = append(p.IndexFields, f.Path)
	}
	return p
}

// indexers are the watch cache's for the fields that predicate names.
func (k Kind) indexers() *cache.Indexers {
	indexers := cache.Indexers{}
	for _, f := range k.Fields {
		indexers[storage.FieldIndex(f.Path)] = func(obj any) ([]string, error) {
			o, ok := obj.(runtime.Object)
			if !ok {
				return nil, fmt.Errorf("index %s by %s: got a %T", k.Plural, f.Path, obj)
			}
			return []string{f.Value(o)}, nil
		}
	}
	return &indexers
}
