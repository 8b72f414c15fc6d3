package records

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
)

// reports serves the kind Report: the stored reports, and in every namespace the ready ones, which
// cannot be changed.
//
// Ready reports are only in lists of one namespace. They are not in lists of all namespaces, in
// watches, or in metadata-only lists: if controllers that process every kind found objects that
// they cannot delete, the deletion of a namespace would never finish. A stored report hides a ready
// one that a later release adds under the same name.
type reports struct {
	*genericregistry.Store
	ready []v1alpha1.Report // by name
}

var _ rest.StandardStorage = &reports{}

// named returns the ready report with a name, as an object in a namespace.
func (r *reports) named(namespace, name string) (*v1alpha1.Report, bool) {
	at, found := slices.BinarySearchFunc(r.ready, name, func(one v1alpha1.Report, name string) int { return strings.Compare(one.Name, name) })
	if !found || namespace == "" {
		return nil, false
	}
	one := r.ready[at].DeepCopy()
	one.Namespace = namespace
	return one, true
}

// Get implements rest.Getter.
func (r *reports) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	found, err := r.Store.Get(ctx, name, options)
	if one, ready := r.named(request.NamespaceValue(ctx), name); ready && apierrors.IsNotFound(err) {
		return one, nil
	}
	return found, err
}

// Create implements rest.Creater.
func (r *reports) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	if one, ok := obj.(*v1alpha1.Report); ok {
		if _, ready := r.named(request.NamespaceValue(ctx), one.Name); ready {
			return nil, apierrors.NewAlreadyExists(v1alpha1.Resource("reports"), one.Name)
		}
	}
	return r.Store.Create(ctx, obj, validate, options)
}

// Update implements rest.Updater.
func (r *reports) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, force bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	if err := r.changeable(ctx, name); err != nil {
		return nil, false, err
	}
	return r.Store.Update(ctx, name, info, create, update, force, options)
}

// Delete implements rest.GracefulDeleter.
func (r *reports) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	if err := r.changeable(ctx, name); err != nil {
		return nil, false, err
	}
	return r.Store.Delete(ctx, name, validate, options)
}

// changeable refuses a name that belongs only to a ready report.
func (r *reports) changeable(ctx context.Context, name string) error {
	if _, ready := r.named(request.NamespaceValue(ctx), name); !ready {
		return nil
	}
	if _, err := r.Store.Get(ctx, name, &metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return nil
	}
	return apierrors.NewForbidden(v1alpha1.Resource("reports"), name, errors.New("the server brings this report along, and it cannot be changed: create one of another name"))
}

// List implements rest.Lister. Ready reports follow the stored ones.
func (r *reports) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	if options == nil {
		options = &metainternalversion.ListOptions{}
	}
	namespace := request.NamespaceValue(ctx)
	if after, revision, is := readyContinue(options.Continue); is && namespace != "" {
		list := &v1alpha1.ReportList{ListMeta: metav1.ListMeta{ResourceVersion: revision}, Items: []v1alpha1.Report{}}
		r.add(list, namespace, options, after, nil)
		return list, nil
	}
	found, err := r.Store.List(ctx, options)
	if err != nil {
		return nil, err
	}
	list, ok := found.(*v1alpha1.ReportList)
	if !ok {
		return nil, fmt.Errorf("list reports: got a %T", found)
	}
	if namespace == "" || list.Continue != "" || ctx.Value(metadataKey{}) != nil {
		return list, nil
	}
	// The watch cache shares its lists between callers.
	list = &v1alpha1.ReportList{TypeMeta: list.TypeMeta, ListMeta: list.ListMeta, Items: slices.Clone(list.Items)}
	return list, r.fill(ctx, list, namespace, options)
}

// fill adds ready reports to the last page of the stored ones, except those that stored ones hide.
func (r *reports) fill(ctx context.Context, list *v1alpha1.ReportList, namespace string, options *metainternalversion.ListOptions) error {
	hidden := map[string]bool{}
	for i := range list.Items {
		hidden[list.Items[i].Name] = true
	}
	if options.Continue != "" || options.Limit > 0 || options.LabelSelector != nil || options.FieldSelector != nil {
		// The list does not have all stored reports.
		for _, one := range r.ready {
			_, err := r.Store.Get(ctx, one.Name, &metav1.GetOptions{ResourceVersion: "0"})
			if err == nil {
				hidden[one.Name] = true
			} else if !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	r.add(list, namespace, options, 0, hidden)
	return nil
}

// add appends the ready reports, starting at one, to a list that has room.
func (r *reports) add(list *v1alpha1.ReportList, namespace string, options *metainternalversion.ListOptions, from int, hidden map[string]bool) {
	for i := from; i < len(r.ready); i++ {
		one, _ := r.named(namespace, r.ready[i].Name)
		if hidden[one.Name] || !selects(options, one) {
			continue
		}
		if options.Limit > 0 && int64(len(list.Items)) >= options.Limit {
			list.Continue = base64.RawURLEncoding.EncodeToString([]byte(readyToken + strconv.Itoa(i) + "@" + list.ResourceVersion))
			return
		}
		list.Items = append(list.Items, *one)
	}
}

func selects(options *metainternalversion.ListOptions, one *v1alpha1.Report) bool {
	return (options.LabelSelector == nil || options.LabelSelector.Matches(labels.Set(one.Labels))) &&
		(options.FieldSelector == nil || options.FieldSelector.Matches(fields.Set{"metadata.name": one.Name, "metadata.namespace": one.Namespace}))
}

// readyToken is the prefix of continue tokens of pages that have only ready reports.
const readyToken = "ready:"

func readyContinue(text string) (from int, revision string, is bool) {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	rest, is := strings.CutPrefix(string(decoded), readyToken)
	index, revision, found := strings.Cut(rest, "@")
	from, wrong := strconv.Atoi(index)
	return from, revision, err == nil && is && found && wrong == nil && from >= 0
}

// Report returns a report to run, for a user that may get it. Every user may run ready ones.
func (g *Group) Report(ctx context.Context, who user.Info, namespace, name string) (*v1alpha1.Report, error) {
	stored := g.reports.Load()
	if stored == nil {
		return nil, apierrors.NewServiceUnavailable("the reports of this server cannot be read yet")
	}
	answer, err := g.rights.access.Ask(ctx, who, access.Question{
		Verb: "get", Group: records.GroupName, Version: v1alpha1.SchemeGroupVersion.Version, Resource: "reports",
		Namespaces: []string{namespace}, Names: map[string][]string{namespace: {name}},
	})
	if err != nil {
		return nil, fmt.Errorf("find out which reports may be run: %w", err)
	}
	if !answer.Allows(namespace, name) {
		if one, ready := stored.named(namespace, name); ready {
			return one, nil
		}
		return nil, apierrors.NewNotFound(v1alpha1.Resource("reports"), name)
	}
	found, err := stored.Get(request.WithNamespace(ctx, namespace), name, &metav1.GetOptions{})
	if apierrors.IsNotFound(err) { // the error would name the resource of the request
		err = apierrors.NewNotFound(v1alpha1.Resource("reports"), name)
	}
	if err != nil {
		return nil, err
	}
	one, ok := found.(*v1alpha1.Report)
	if !ok {
		return nil, fmt.Errorf("read a report: got a %T", found)
	}
	return one, nil
}

// reportTable converts reports to tables.
type reportTable struct{}

// ConvertToTable implements rest.TableConvertor.
func (reportTable) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	table := newTable(options,
		metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Description: "The name to run it by."},
		metav1.TableColumnDefinition{Name: "Parameters", Type: "string", Description: "What a run can set."},
		metav1.TableColumnDefinition{Name: "Ready", Type: "boolean", Description: "Whether the server brings it along."},
		metav1.TableColumnDefinition{Name: "Description", Type: "string", Description: "What it shows."},
		metav1.TableColumnDefinition{Name: "Query", Type: "string", Priority: 1, Description: "The statement."},
	)
	add := func(one *v1alpha1.Report) {
		parameters, _ := one.Spec.Values() // stored ones have been validated
		names := make([]string, 0, len(parameters))
		for name := range parameters {
			names = append(names, name)
		}
		slices.Sort(names)
		table.Rows = append(table.Rows, metav1.TableRow{
			Cells:  []any{one.Name, strings.Join(names, ","), one.Labels[v1alpha1.ReadyLabel] != "", one.Spec.Description, strings.Join(strings.Fields(one.Spec.Query), " ")},
			Object: runtime.RawExtension{Object: one},
		})
	}
	switch obj := obj.(type) {
	case *v1alpha1.ReportList:
		table.ResourceVersion, table.Continue, table.RemainingItemCount = obj.ResourceVersion, obj.Continue, obj.RemainingItemCount
		for i := range obj.Items {
			add(&obj.Items[i])
		}
	case *v1alpha1.Report:
		table.ResourceVersion = obj.ResourceVersion
		add(obj)
	default:
		return nil, fmt.Errorf("show %T as a table of reports", obj)
	}
	return table, nil
}
