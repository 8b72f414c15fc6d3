package registry

import (
	"context"
	"slices"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/operation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// strategy is the behaviour of the main resource (all of an object but its
// status), the same for every kind and matched to that of a CRD.
//
// The embedded DeclarativeValidation runs the generated rules and also is the
// strategy's runtime.ObjectTyper.
type strategy struct {
	rest.DeclarativeValidation
	names.NameGenerator
	kind Kind
	// rules are those beyond the schema; nil for none.
	rules *ruleset
}

func newStrategy(kind Kind, scheme *runtime.Scheme) strategy {
	return strategy{
		DeclarativeValidation: rest.DeclarativeValidation{Scheme: scheme},
		NameGenerator:         names.SimpleNameGenerator,
		kind:                  kind,
	}
}

var (
	_ rest.RESTCreateStrategy            = strategy{}
	_ rest.RESTUpdateStrategy            = strategy{}
	_ rest.RESTDeleteStrategy            = strategy{}
	_ rest.ResetFieldsStrategy           = strategy{}
	_ rest.DeclarativeValidationStrategy = strategy{}
)

func (s strategy) NamespaceScoped() bool { return !s.kind.ClusterScoped }

// GetResetFields names what a writer of the main resource cannot own.
func (s strategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.resetFields("status")
}

func (s strategy) resetFields(names ...string) map[fieldpath.APIVersion]*fieldpath.Set {
	set := fieldpath.NewSet()
	for _, name := range names {
		set.Insert(fieldpath.Path{{FieldName: &name}})
	}
	return map[fieldpath.APIVersion]*fieldpath.Set{
		fieldpath.APIVersion(s.kind.GroupVersion.String()): set,
	}
}

// PrepareForCreate drops the status and the version that the object may have had
// elsewhere, starts the generation, and fills in what the rules fill in.
func (s strategy) PrepareForCreate(ctx context.Context, obj runtime.Object) {
	s.kind.parts.clearStatus(obj)
	s.rules.begin(obj)
	settleUnknown(obj, nil, false)
	setGeneration(obj, 1)
	if m, err := meta.Accessor(obj); err == nil {
		m.SetResourceVersion("")
	}
	s.rules.prepare(ctx, obj, nil)
	s.kind.spellDurations(obj, nil, s.rules.goDurations(obj, nil))
}

// PrepareForUpdate keeps the old status, fills in what the rules fill in, and
// advances the generation if the spec changed. The caller has already set the
// generation to the old one.
func (s strategy) PrepareForUpdate(ctx context.Context, obj, old runtime.Object) {
	forgetKind(old)
	s.kind.parts.copyStatus(obj, old)
	settleUnknown(obj, old, false)
	s.rules.prepare(ctx, obj, old)
	s.kind.spellDurations(obj, old, s.rules.goDurations(obj, old))
	if !apiequality.Semantic.DeepEqualWithNilDifferentFromEmpty(s.kind.parts.specOf(obj), s.kind.parts.specOf(old)) || !sameUnknownInMain(obj, old) {
		setGeneration(obj, generationOf(old)+1)
	}
}

// Validate applies the rules that declarative validation cannot express.
func (s strategy) Validate(ctx context.Context, obj runtime.Object) field.ErrorList {
	return append(validateCreate(obj), s.rules.check(ctx, obj, nil)...)
}

// ValidateUpdate does so for an update; see validate.go for what is ratcheted.
func (s strategy) ValidateUpdate(ctx context.Context, obj, old runtime.Object) field.ErrorList {
	return append(validateUpdate(obj, old, "spec"), s.rules.check(ctx, obj, old)...)
}

// ValidateDeclaratively adds the generated rules' findings to those of Validate
// and the store. The store takes its findings in the metadata for ones that
// generated rules repeat, and logs an error if they do not; ours leave the
// metadata alone.
func (s strategy) ValidateDeclaratively(ctx context.Context, obj, old runtime.Object, errs field.ErrorList, op operation.Type, config rest.DeclarativeValidationConfig) field.ErrorList {
	if s.isValid(ctx, obj, old, op, config) {
		return errs
	}
	for _, err := range errs {
		err.CoveredByDeclarative = false
	}
	all := s.DeclarativeValidation.ValidateDeclaratively(ctx, obj, old, errs, op, config)
	return withoutRepeats(all, errs)
}

// isValid runs the generated rules on the objects themselves. The stock function
// runs them on deep copies, in case they are to be converted to the version of the
// request, which here they are in already. It is left to judge the others, so to
// convert, and to say what is wrong.
func (s strategy) isValid(ctx context.Context, obj, old runtime.Object, op operation.Type, config rest.DeclarativeValidationConfig) bool {
	info, found := request.RequestInfoFrom(ctx)
	if !found || (schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion}) != s.kind.GroupVersion {
		return false
	}
	var subresources []string
	if info.Subresource != "" {
		subresources = []string{info.Subresource}
	}
	switch op {
	case operation.Create:
		return len(s.Scheme.Validate(ctx, config.Options, obj, subresources...)) == 0
	case operation.Update:
		return len(s.Scheme.ValidateUpdate(ctx, config.Options, obj, old, subresources...)) == 0
	}
	return false
}

// withoutRepeats removes from all the faults that told has in other words: those
// of the same type in the same field.
func withoutRepeats(all, told field.ErrorList) field.ErrorList {
	if len(told) == 0 || len(all) == len(told) {
		return all
	}
	return slices.DeleteFunc(all, func(e *field.Error) bool {
		return !slices.Contains(told, e) && slices.ContainsFunc(told, func(t *field.Error) bool { return t.Type == e.Type && t.Field == e.Field })
	})
}

// WarningsOnCreate returns texts for the client; they do not stop the request.
func (s strategy) WarningsOnCreate(ctx context.Context, obj runtime.Object) []string {
	return append(finalizerWarnings(obj, nil), s.rules.warn(ctx, obj, nil)...)
}

// WarningsOnUpdate is WarningsOnCreate for what an update adds.
func (s strategy) WarningsOnUpdate(ctx context.Context, obj, old runtime.Object) []string {
	return append(finalizerWarnings(obj, old), s.rules.warn(ctx, obj, old)...)
}

// Canonicalize has nothing to do: two spellings of one object already encode to
// the same bytes.
func (strategy) Canonicalize(runtime.Object) {}

// AllowCreateOnUpdate is false: a PUT to a missing object is 404, as for CRDs.
func (strategy) AllowCreateOnUpdate(context.Context) bool { return false }

// AllowUnconditionalUpdate lets a PUT without resourceVersion overwrite, as for
// most built-in kinds. A CRD would refuse it; no client relies on that.
func (strategy) AllowUnconditionalUpdate(context.Context) bool { return true }

// forgetKind takes the kind off the stored object, where the field manager of a
// server-side apply leaves it: its conversion does not copy, and the served and
// the internal version are one Go type. The new object has none, and the store,
// which compares the two, would otherwise write again just to note at what time
// somebody applied what was there already.
func forgetKind(old runtime.Object) {
	old.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
}

func generationOf(obj runtime.Object) int64 {
	m, err := meta.Accessor(obj)
	if err != nil {
		return 0
	}
	return m.GetGeneration()
}

func setGeneration(obj runtime.Object, generation int64) {
	if m, err := meta.Accessor(obj); err == nil {
		m.SetGeneration(generation)
	}
}
