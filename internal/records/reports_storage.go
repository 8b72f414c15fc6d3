package records

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/storage/names"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
)

// Limits of a report.
const (
	maxDescription = 4096
	maxColumns     = 200
)

// Statements checks statements, and has the ready reports.
type Statements interface {
	// Ready returns the reports that are part of the server, by name, without namespaces.
	Ready() []v1alpha1.Report
	// Check returns the columns of a statement's answer, or the statement's error. Columns are nil if
	// they cannot be determined now.
	Check(ctx context.Context, query string, parameters map[string]any) (columns []string, fault error)
}

func (g *Group) newReports(options generic.RESTOptionsGetter) (*reports, error) {
	s := reportStrategy{ObjectTyper: g.scheme, NameGenerator: names.SimpleNameGenerator, statements: g.statements}
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return &v1alpha1.Report{} },
		NewListFunc:               func() runtime.Object { return &v1alpha1.ReportList{} },
		DefaultQualifiedResource:  v1alpha1.Resource("reports"),
		SingularQualifiedResource: v1alpha1.Resource("report"),
		CreateStrategy:            s, UpdateStrategy: s, DeleteStrategy: s,
		TableConvertor: reportTable{},
	}
	if err := store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options}); err != nil {
		return nil, fmt.Errorf("set up the storage of reports: %w", err)
	}
	r := &reports{Store: store, ready: g.statements.Ready()}
	for i := range r.ready {
		r.ready[i].Labels = map[string]string{v1alpha1.ReadyLabel: "true"}
	}
	return r, nil
}

// reportStrategy validates reports.
type reportStrategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	statements Statements
}

func (reportStrategy) NamespaceScoped() bool                         { return true }
func (reportStrategy) AllowCreateOnUpdate(context.Context) bool      { return false }
func (reportStrategy) AllowUnconditionalUpdate(context.Context) bool { return true }
func (reportStrategy) Canonicalize(runtime.Object)                   {}

func (reportStrategy) PrepareForCreate(_ context.Context, obj runtime.Object) {
	if r, ok := obj.(*v1alpha1.Report); ok {
		r.Generation = 1
	}
}

func (reportStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	now, ok := obj.(*v1alpha1.Report)
	was, too := old.(*v1alpha1.Report)
	if !ok || !too {
		return
	}
	now.Generation = was.Generation
	if !reflect.DeepEqual(now.Spec, was.Spec) {
		now.Generation++
	}
}

func (s reportStrategy) Validate(ctx context.Context, obj runtime.Object) field.ErrorList {
	r, ok := obj.(*v1alpha1.Report)
	if !ok {
		return field.ErrorList{field.InternalError(nil, fmt.Errorf("a %T is no report", obj))}
	}
	at := field.NewPath("spec")
	var faults field.ErrorList
	if _, ready := r.Labels[v1alpha1.ReadyLabel]; ready {
		faults = append(faults, field.Forbidden(field.NewPath("metadata", "labels").Key(v1alpha1.ReadyLabel), "the label marks the reports that the server brings along"))
	}
	if len(r.Spec.Description) > maxDescription {
		faults = append(faults, field.TooLong(at.Child("description"), field.OmitValueType{}, maxDescription))
	}
	if len(r.Spec.Columns) > maxColumns {
		return append(faults, field.TooMany(at.Child("columns"), len(r.Spec.Columns), maxColumns))
	}
	parameters, err := r.Spec.Values()
	if err != nil {
		return append(faults, field.Invalid(at.Child("parameters"), field.OmitValueType{}, err.Error()))
	}
	if strings.TrimSpace(r.Spec.Query) == "" {
		return append(faults, field.Required(at.Child("query"), "write one SELECT"))
	}
	columns, err := s.statements.Check(ctx, r.Spec.Query, parameters)
	if err != nil {
		return append(faults, field.Invalid(at.Child("query"), field.OmitValueType{}, err.Error()))
	}
	if described := namesOf(r.Spec.Columns); columns != nil && len(described) > 0 && !slices.Equal(described, columns) {
		faults = append(faults, field.Invalid(at.Child("columns"), described, "the statement's columns are "+strings.Join(columns, ", ")))
	}
	return faults
}

func namesOf(columns []v1alpha1.ReportColumn) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
	}
	return all
}

// ValidateUpdate does not validate an unchanged statement: a statement that was valid may use a
// view that this release lacks.
func (s reportStrategy) ValidateUpdate(ctx context.Context, obj, old runtime.Object) field.ErrorList {
	now, ok := obj.(*v1alpha1.Report)
	was, too := old.(*v1alpha1.Report)
	if ok && too && reflect.DeepEqual(now.Spec, was.Spec) && now.Labels[v1alpha1.ReadyLabel] == "" {
		return nil
	}
	return s.Validate(ctx, obj)
}

func (reportStrategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }

func (reportStrategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}
