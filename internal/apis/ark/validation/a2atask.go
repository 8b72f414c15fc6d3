package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateA2ATaskSpec(path *field.Path, spec *v1alpha1.A2ATaskSpec) field.ErrorList {
	errs := validateDuration(path.Child("timeout"), spec.Timeout)
	errs = append(errs, validateDuration(path.Child("ttl"), spec.TTL)...)
	return append(errs, validateDuration(path.Child("pollInterval"), spec.PollInterval)...)
}

func validateA2ATaskStatus(path *field.Path, status *v1alpha1.A2ATaskStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	errs := validateConditions(path.Child("conditions"), status.Conditions)
	for i := range status.Artifacts {
		path := path.Child("artifacts").Index(i).Child("parts")
		errs = append(errs, requireList(path, status.Artifacts[i].Parts)...)
	}
	for i := range status.History {
		path := path.Child("history").Index(i).Child("parts")
		errs = append(errs, requireList(path, status.History[i].Parts)...)
	}
	if message := status.LastStatusMessage; message != nil {
		errs = append(errs, requireList(path.Child("lastStatusMessage", "parts"), message.Parts)...)
	}
	return errs
}
