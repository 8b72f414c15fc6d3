package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

func validateA2AServerSpec(path *field.Path, spec *v1prealpha1.A2AServerSpec) field.ErrorList {
	errs := validateDuration(path.Child("pollInterval"), spec.PollInterval)
	for i, host := range spec.AllowedEndpointHosts {
		errs = append(errs, endpointHostPattern.check(path.Child("allowedEndpointHosts").Index(i), host)...)
	}
	return errs
}

func validateA2AServerStatus(path *field.Path, status *v1prealpha1.A2AServerStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	return validateConditions(path.Child("conditions"), status.Conditions)
}
