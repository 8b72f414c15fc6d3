package rules

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// CheckExecutionEngine checks the name and that the address can be found out.
func CheckExecutionEngine(ctx context.Context, env Env, engine *v1prealpha1.ExecutionEngine) field.ErrorList {
	var errs field.ErrorList
	if engine.Name == a2aEngine {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), engine.Name, "execution engine name 'a2a' is reserved for A2A servers"))
	}
	return append(errs, scope{env, engine.Namespace}.address(ctx, field.NewPath("spec", "address"), plain(engine.Spec.Address))...)
}
