package rules

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// CheckArkConfig checks the settings' values.
func CheckArkConfig(config *v1alpha1.ArkConfig) field.ErrorList {
	path := field.NewPath("spec")
	errs := positive(path, "", "queryTTL", config.Spec.QueryTTL)
	if memory := config.Spec.DefaultMemory; memory != nil && memory.Namespace != nil {
		errs = append(errs, field.Forbidden(path.Child("defaultMemory", "namespace"),
			"the default memory is looked up in each query's own namespace: leave the namespace out"))
	}
	return errs
}

// WarnArkConfig tells of an object that has no effect.
func WarnArkConfig(config *v1alpha1.ArkConfig) []string {
	if config.Name == configName {
		return nil
	}
	return []string{fmt.Sprintf("ArkConfig %q will be ignored: only the one named %q is read", config.Name, configName)}
}
