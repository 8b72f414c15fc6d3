package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateModelSpec(path *field.Path, spec *v1alpha1.ModelSpec) field.ErrorList {
	errs := validateDuration(path.Child("pollInterval"), spec.PollInterval)
	if spec.Config == nil || spec.Config.Bedrock == nil {
		return errs
	}
	path = path.Child("config", "bedrock", "temperature")
	return append(errs, temperaturePattern.checkOptional(path, spec.Config.Bedrock.Temperature)...)
}

func validateModelStatus(path *field.Path, status *v1alpha1.ModelStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	return validateConditions(path.Child("conditions"), status.Conditions)
}
