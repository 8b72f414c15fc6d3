package validation

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// Validate returns the violations of the schema in obj's spec and status that
// the generated validation does not find. obj is a defaulted object of any
// kind of the group; for other objects, and for kinds whose schema the generated
// validation covers, it returns nil. It only reads obj.
func Validate(obj runtime.Object) field.ErrorList {
	spec, status := field.NewPath("spec"), field.NewPath("status")
	switch obj := obj.(type) {
	case *v1alpha1.A2ATask:
		return append(validateA2ATaskSpec(spec, &obj.Spec), validateA2ATaskStatus(status, obj.Status)...)
	case *v1alpha1.Agent:
		return append(validateAgentSpec(spec, &obj.Spec), validateAgentStatus(status, obj.Status)...)
	case *v1alpha1.ArkConfig:
		return validateDuration(spec.Child("queryTTL"), obj.Spec.QueryTTL)
	case *v1alpha1.MCPServer:
		return append(validateMCPServerSpec(spec, &obj.Spec), validateMCPServerStatus(status, obj.Status)...)
	case *v1alpha1.Model:
		return append(validateModelSpec(spec, &obj.Spec), validateModelStatus(status, obj.Status)...)
	case *v1alpha1.Query:
		return append(validateQuerySpec(spec, &obj.Spec), validateQueryStatus(status, obj.Status)...)
	case *v1alpha1.Team:
		return append(validateTeamSpec(spec, &obj.Spec), validateTeamStatus(status, obj.Status)...)
	case *v1alpha1.Tool:
		return append(validateToolSpec(spec, &obj.Spec), validateToolStatus(status, obj.Status)...)
	case *v1prealpha1.A2AServer:
		return append(validateA2AServerSpec(spec, &obj.Spec), validateA2AServerStatus(status, obj.Status)...)
	default:
		return nil
	}
}
