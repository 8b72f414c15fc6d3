package rules

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

const (
	// defaultModel is the Model of agents that name none.
	defaultModel = "default"
	// a2aEngine is the execution engine that is part of Ark. Any other is a
	// named engine.
	a2aEngine = "a2a"
)

// DefaultAgent gives an agent a model, unless it belongs to an A2A server, and
// notes the use of the tool type custom.
func DefaultAgent(agent *v1alpha1.Agent) {
	if _, remote := agent.Annotations[a2aServerName]; !remote && agent.Spec.ModelRef == nil {
		agent.Spec.ModelRef = &v1alpha1.ResourceReference{Name: defaultModel}
	}
	for _, tool := range agent.Spec.Tools {
		if tool.Type == v1alpha1.AgentToolCustom {
			noteMigration(agent, "tool-type-custom", fmt.Sprintf(
				"agent '%s' tool '%s': type 'custom' is deprecated: write the type of the Tool itself, such as mcp, http, agent, team or builtin", agent.Name, value(tool.Name)))
			return
		}
	}
}

// CheckAgent checks parameters, overrides and tools. Whether the model and the
// tools exist is for the controller to report.
func CheckAgent(ctx context.Context, env Env, agent *v1alpha1.Agent) field.ErrorList {
	s, path := scope{env, agent.Namespace}, field.NewPath("spec")
	errs := s.parameters(ctx, path.Child("parameters"), agent.Spec.Parameters)
	errs = append(errs, checkOverrides(path.Child("overrides"), agent.Spec.Overrides)...)
	for i := range agent.Spec.Tools {
		errs = append(errs, checkAgentTool(path.Child("tools").Index(i), i, &agent.Spec.Tools[i])...)
	}
	return errs
}

func checkAgentTool(path *field.Path, i int, tool *v1alpha1.AgentTool) field.ErrorList {
	prefix := fmt.Sprintf("tool[%d]: ", i)
	if tool.Type == v1alpha1.AgentToolBuiltInLegacy {
		if name := value(tool.Name); !isBuiltIn(name) {
			return field.ErrorList{field.Invalid(path.Child("name"), name,
				fmt.Sprintf("%sunsupported built-in tool '%s': supported built-in tools are: noop, terminate", prefix, name))}
		}
		return nil
	}
	if tool.Type != "" && empty(tool.Name) {
		return field.ErrorList{field.Required(path.Child("name"), fmt.Sprintf("%s%s tools must specify a name", prefix, tool.Type))}
	}
	return checkApproval(path.Child("approval"), prefix, tool.Approval)
}

// isBuiltIn says whether Ark itself has a tool of that name.
func isBuiltIn(name string) bool { return name == "noop" || name == "terminate" }

// WarnAgent tells of migrations, and of tools that a named engine will not get.
func WarnAgent(ctx context.Context, env Env, agent *v1alpha1.Agent) []string {
	warnings := MigrationWarnings(agent)
	engine := agent.Spec.ExecutionEngine
	if engine == nil || engine.Name == "" || engine.Name == a2aEngine {
		return warnings
	}
	for _, tool := range agent.Spec.Tools {
		kind := string(tool.Type)
		if tool.Type == v1alpha1.AgentToolCustom {
			obj, err := env.Objects.Ark(ctx, "tools", agent.Namespace, toolName(tool))
			found, ok := obj.(*v1alpha1.Tool)
			if err != nil || !ok {
				continue // the controller reports tools that are missing
			}
			kind = string(found.Spec.Type)
		}
		if kind != string(v1alpha1.AgentToolMCP) {
			warnings = append(warnings, fmt.Sprintf("tool '%s' of type '%s' is not available to agents on the execution engine '%s': named engines get mcp tools only",
				toolName(tool), kind, engine.Name))
		}
	}
	return warnings
}

// toolName is the name of the Tool that an agent's tool stands for.
func toolName(tool v1alpha1.AgentTool) string {
	if tool.Partial != nil && !empty(tool.Partial.Name) {
		return *tool.Partial.Name
	}
	return value(tool.Name)
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
