package registry

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/validation"
)

// validateCreate checks a new object. The metadata but for its name is checked by
// the store.
func validateCreate(obj runtime.Object) field.ErrorList {
	m, err := meta.Accessor(obj)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, fmt.Errorf("read metadata: %w", err))}
	}
	return append(validateName(m), validation.Validate(obj)...)
}

// validateName demands DNS subdomains, as for custom resources; for the store any
// name will do that fits a path. A missing name is the store's to complain of.
func validateName(m metav1.Object) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("metadata")
	if prefix := m.GetGenerateName(); prefix != "" {
		for _, msg := range apivalidation.NameIsDNSSubdomain(prefix, true) {
			errs = append(errs, field.Invalid(path.Child("generateName"), prefix, msg))
		}
	}
	if name := m.GetName(); name != "" {
		for _, msg := range apivalidation.NameIsDNSSubdomain(name, false) {
			errs = append(errs, field.Invalid(path.Child("name"), name, msg))
		}
	}
	return errs
}

// validateUpdate returns the faults under the named part ("spec" or "status")
// that the old object did not have. Objects stored under older rules stay
// editable that way, as long as an edit adds no fault.
func validateUpdate(obj, old runtime.Object, part string) field.ErrorList {
	errs := within(part, validation.Validate(obj))
	if len(errs) == 0 {
		return nil
	}
	before := within(part, validation.Validate(old))
	return slices.DeleteFunc(errs, func(e *field.Error) bool {
		return slices.ContainsFunc(before, func(b *field.Error) bool { return b.Error() == e.Error() })
	})
}

func within(part string, errs field.ErrorList) field.ErrorList {
	return slices.DeleteFunc(errs, func(e *field.Error) bool {
		rest, found := strings.CutPrefix(e.Field, part)
		return !found || rest != "" && rest[0] != '.' && rest[0] != '['
	})
}

// finalizerWarnings tells of added finalizers whose names invite clashes, with
// the rule that the API server applies to custom resources.
func finalizerWarnings(obj, old runtime.Object) []string {
	var warnings []string
	known := append(finalizersOf(old), metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents)
	for _, name := range finalizersOf(obj) {
		if slices.Contains(known, name) {
			continue
		}
		for _, msg := range utilvalidation.IsQualifiedName(name) {
			warnings = append(warnings, fmt.Sprintf("metadata.finalizers: %q: %s", name, msg))
		}
		if !strings.Contains(name, "/") {
			warnings = append(warnings, fmt.Sprintf("metadata.finalizers: %q: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers", name))
		}
	}
	return warnings
}

func finalizersOf(obj runtime.Object) []string {
	if obj == nil {
		return nil
	}
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil
	}
	return slices.Clone(m.GetFinalizers())
}
