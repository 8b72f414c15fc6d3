package registry

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/jsonpath"
)

type sortKey struct{}

// WithSort has the list in this context sorted by a JSONPath, as the parameter
// sortBy of a request gives it: .status.phase, or with a - in front for the
// greatest first.
func WithSort(ctx context.Context, by string) context.Context {
	return context.WithValue(ctx, sortKey{}, by)
}

func sortFrom(ctx context.Context) string {
	by, _ := ctx.Value(sortKey{}).(string)
	return by
}

// List implements rest.Lister. A sorted list comes in one piece: the order would
// not hold across the pages of one that is cut.
func (r *REST) List(ctx context.Context, options *internalversion.ListOptions) (runtime.Object, error) {
	by := sortFrom(ctx)
	if by == "" {
		return r.list(ctx, options)
	}
	if options != nil && (options.Limit > 0 || options.Continue != "") {
		return nil, apierrors.NewBadRequest("sortBy cannot be combined with limit or continue: leave them out, and narrow the list with selectors instead")
	}
	order, err := parseSort(by, reflect.TypeOf(r.kind.New()))
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("sortBy=%s: %v", by, err))
	}
	list, err := r.list(ctx, options)
	if err != nil {
		return nil, err
	}
	if err := order.apply(list); err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("sortBy=%s: %v", by, err))
	}
	return list, nil
}

// Watch implements rest.Watcher.
func (r *REST) Watch(ctx context.Context, options *internalversion.ListOptions) (watch.Interface, error) {
	if sortFrom(ctx) != "" {
		return nil, apierrors.NewBadRequest("sortBy is for lists: events come in the order in which things happen")
	}
	if asOfFrom(ctx) != "" {
		return nil, apierrors.NewBadRequest("asOf is for lists and gets: what was does not change")
	}
	return r.Store.Watch(ctx, options)
}

// order is a parsed sortBy.
type order struct {
	path       *jsonpath.JSONPath
	descending bool
}

// apply sorts the items of a list in place. Items without a value come first, and
// those with equal values stay in the order of their names.
func (o order) apply(list runtime.Object) error {
	pointer, err := meta.GetItemsPtr(list)
	if err != nil {
		return fmt.Errorf("find the items of a list: %w", err)
	}
	items := reflect.ValueOf(pointer).Elem()
	type keyed struct {
		key  key
		item reflect.Value
	}
	all := make([]keyed, items.Len())
	keys := make([]key, items.Len())
	for i := range all {
		item := items.Index(i)
		if keys[i], err = o.keyOf(item.Addr().Interface()); err != nil {
			return err
		}
		all[i].item = item
	}
	unify(keys)
	for i := range all {
		all[i].key = keys[i]
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		if o.descending {
			return b.key.compare(a.key)
		}
		return a.key.compare(b.key)
	})
	sorted := reflect.MakeSlice(items.Type(), 0, items.Len())
	for _, k := range all {
		sorted = reflect.Append(sorted, k.item)
	}
	items.Set(sorted)
	return nil
}

func (o order) keyOf(obj any) (key, error) {
	results, err := o.path.FindResults(obj)
	if err != nil {
		return key{}, fmt.Errorf("read the path: %w", err)
	}
	for _, found := range results {
		for _, value := range found {
			return newKey(value)
		}
	}
	return key{}, nil
}

var errNoValue = errors.New("the path names an object or a list: name a value in it")
