package standalone

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/rest"
)

// view is a resource of objects that are parts of the server: they can be read and watched, and
// never change while it runs. Nothing is stored, and no client can create, change or delete one.
type view struct {
	resource   schema.GroupResource
	singular   string
	shortNames []string
	newObject  func() runtime.Object
	newList    func() runtime.Object
	objects    []runtime.Object // ordered by name
	version    string
	// condition is the condition that reports that an object is as it should be. Tables show it.
	condition string
}

var (
	_ rest.Lister               = &view{}
	_ rest.Getter               = &view{}
	_ rest.Watcher              = &view{}
	_ rest.TableConvertor       = &view{}
	_ rest.Scoper               = &view{}
	_ rest.SingularNameProvider = &view{}
	_ rest.ShortNamesProvider   = &view{}
)

// newView returns a view of objects, which get the resourceVersion of the whole: it follows from
// their content, so that a client that comes back after an upgrade lists them again.
func newView(resource schema.GroupResource, singular string, shortNames []string, condition string, newObject, newList func() runtime.Object, objects []runtime.Object) (*view, error) {
	content, err := json.Marshal(objects)
	if err != nil {
		return nil, fmt.Errorf("describe the %s: %w", resource, err)
	}
	sum := fnv.New64a()
	_, _ = sum.Write(content) // never fails
	version := strconv.FormatUint(binary.BigEndian.Uint64(sum.Sum(nil))>>1|1, 10)
	for _, obj := range objects {
		accessor, err := meta.Accessor(obj)
		if err != nil {
			return nil, fmt.Errorf("describe the %s: %w", resource, err)
		}
		accessor.SetResourceVersion(version)
	}
	return &view{
		resource: resource, singular: singular, shortNames: shortNames, newObject: newObject, newList: newList, objects: objects, version: version, condition: condition,
	}, nil
}

func (v *view) New() runtime.Object     { return v.newObject() }
func (v *view) NewList() runtime.Object { return v.newList() }
func (*view) Destroy()                  {}
func (*view) NamespaceScoped() bool     { return false }
func (v *view) GetSingularName() string { return v.singular }
func (v *view) ShortNames() []string    { return v.shortNames }

// Get implements rest.Getter.
func (v *view) Get(_ context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	for _, obj := range v.selected(fields.OneTermEqualSelector("metadata.name", name), nil) {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(v.resource, name)
}

// List implements rest.Lister. All objects are one page.
func (v *view) List(_ context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	if options == nil {
		options = &metainternalversion.ListOptions{}
	}
	list := v.newList()
	if err := meta.SetList(list, v.selected(options.FieldSelector, options.LabelSelector)); err != nil {
		return nil, fmt.Errorf("list the %s: %w", v.resource, err)
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return nil, fmt.Errorf("list the %s: %w", v.resource, err)
	}
	accessor.SetResourceVersion(v.version)
	return list, nil
}

// Watch implements rest.Watcher: the objects, if the client has not listed them, and then nothing
// until it ends.
func (v *view) Watch(_ context.Context, options *metainternalversion.ListOptions) (watch.Interface, error) {
	initial := options.SendInitialEvents != nil && *options.SendInitialEvents
	switch options.ResourceVersion {
	case v.version:
	case "", "0":
		initial = initial || options.SendInitialEvents == nil
	default:
		return nil, apierrors.NewResourceExpired(fmt.Sprintf("the %s are of another version of the server than resourceVersion %s: list them again", v.resource, options.ResourceVersion))
	}
	var events []watch.Event
	if initial {
		for _, obj := range v.selected(options.FieldSelector, options.LabelSelector) {
			events = append(events, watch.Event{Type: watch.Added, Object: obj})
		}
	}
	if initial && options.SendInitialEvents != nil {
		bookmark := v.New()
		accessor, err := meta.Accessor(bookmark)
		if err != nil {
			return nil, fmt.Errorf("watch the %s: %w", v.resource, err)
		}
		accessor.SetResourceVersion(v.version)
		accessor.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
		events = append(events, watch.Event{Type: watch.Bookmark, Object: bookmark})
	}
	sent := make(chan watch.Event, len(events))
	for _, event := range events {
		sent <- event
	}
	return watch.NewProxyWatcher(sent), nil
}

// ConvertToTable implements rest.TableConvertor. No object has an age: they are as old as the
// release.
func (v *view) ConvertToTable(_ context.Context, obj runtime.Object, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		table.ColumnDefinitions = []metav1.TableColumnDefinition{
			{Name: "Name", Type: "string", Format: "name"},
			{Name: v.condition, Type: "string"},
		}
	}
	row := func(obj runtime.Object) error {
		accessor, err := meta.Accessor(obj)
		if err != nil {
			return fmt.Errorf("show the %s: %w", v.resource, err)
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{accessor.GetName(), "True"}, Object: runtime.RawExtension{Object: obj}})
		return nil
	}
	if !meta.IsListType(obj) {
		return table, row(obj)
	}
	list, err := meta.ListAccessor(obj)
	if err != nil {
		return nil, fmt.Errorf("show the %s: %w", v.resource, err)
	}
	table.ResourceVersion = list.GetResourceVersion()
	return table, meta.EachListItem(obj, row)
}

// selected returns copies of the objects that both selectors take; nil takes all.
func (v *view) selected(byField fields.Selector, byLabel labels.Selector) []runtime.Object {
	var found []runtime.Object
	for _, obj := range v.objects {
		accessor, err := meta.Accessor(obj)
		if err != nil {
			continue // newView has seen to that
		}
		if byField != nil && !byField.Matches(fields.Set{"metadata.name": accessor.GetName()}) ||
			byLabel != nil && !byLabel.Matches(labels.Set(accessor.GetLabels())) {
			continue
		}
		found = append(found, obj.DeepCopyObject())
	}
	return found
}
