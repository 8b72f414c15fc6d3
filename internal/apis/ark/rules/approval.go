package rules

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// checkApproval checks when a person has to approve a call. What happens on a
// timeout is for the schema.
func checkApproval(path *field.Path, prefix string, approval *v1alpha1.ToolApproval) field.ErrorList {
	if approval == nil {
		return nil
	}
	errs := positive(path, prefix+"approval ", "timeout", approval.Timeout)
	for i, match := range approval.ArgumentMatches {
		path, prefix := path.Child("argumentMatches").Index(i), fmt.Sprintf("%sapproval argumentMatches[%d]: ", prefix, i)
		if match.Argument != nil && *match.Argument == "" {
			errs = append(errs, field.Required(path.Child("argument"), prefix+"argument cannot be empty"))
		}
		if match.Pattern == nil {
			continue // the schema requires it
		}
		if *match.Pattern == "" {
			errs = append(errs, field.Required(path.Child("pattern"), prefix+"pattern cannot be empty"))
		} else if _, err := regexp.Compile(*match.Pattern); err != nil {
			errs = append(errs, field.Invalid(path.Child("pattern"), *match.Pattern, fmt.Sprintf("%spattern must be a regular expression in Go's syntax: %v", prefix, err)))
		}
	}
	return errs
}
