package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func validateMCPServerSpec(path *field.Path, spec *v1alpha1.MCPServerSpec) field.ErrorList {
	errs := durationPattern.checkOptional(path.Child("toolCallTimeout"), spec.ToolCallTimeout)
	errs = append(errs, validateDuration(path.Child("pollInterval"), spec.PollInterval)...)
	if spec.Authorization == nil || spec.Authorization.ClientCredentials == nil {
		return errs
	}
	path = path.Child("authorization", "clientCredentials", "clientAuthentication")
	return append(errs, validateClientAuthentication(path, spec.Authorization.ClientCredentials.ClientAuthentication)...)
}

// validateClientAuthentication wants exactly one method; so far there is one.
func validateClientAuthentication(path *field.Path, authentication *v1alpha1.ClientAuthentication) field.ErrorList {
	// An absent object is the generated validation's to report.
	if authentication == nil || authentication.PrivateKeyJWT != nil {
		return nil
	}
	return field.ErrorList{field.Invalid(path, "{}", "exactly one client authentication method must be set: privateKeyJWT")}
}

func validateMCPServerStatus(path *field.Path, status *v1alpha1.MCPServerStatus) field.ErrorList {
	if status == nil {
		return nil
	}
	return validateConditions(path.Child("conditions"), status.Conditions)
}
