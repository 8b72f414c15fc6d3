package rules

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// maxInlineSource is the longest source of an inline tool, in bytes. The schema
// counts characters.
const maxInlineSource = 65536

// TransitionTool refuses to turn an inline tool into another one, or the reverse.
func TransitionTool(tool, old *v1alpha1.Tool) field.ErrorList {
	if isInline(tool) == isInline(old) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("spec", "type"), string(tool.Spec.Type),
		fmt.Sprintf("cannot change from '%s': a tool stays inline, or not inline; make a new Tool instead", old.Spec.Type))}
}

func isInline(tool *v1alpha1.Tool) bool { return tool.Spec.Type == v1alpha1.ToolInline }

// CheckTool checks that the tool has what its type needs, the schema of its
// input, and its approval.
func CheckTool(tool *v1alpha1.Tool) field.ErrorList {
	path := field.NewPath("spec")
	errs := checkToolInput(path.Child("inputSchema"), tool.Spec.InputSchema)
	errs = append(errs, checkApproval(path.Child("approval"), "", tool.Spec.Approval)...)
	if check, ok := toolTypes[tool.Spec.Type]; ok {
		errs = append(errs, check(path, tool)...)
	}
	if !isInline(tool) && tool.Spec.Inline != nil {
		errs = append(errs, field.Forbidden(path.Child("inline"), fmt.Sprintf("inline cannot be set for type '%s': use type: inline", tool.Spec.Type)))
	}
	return errs
}

// toolTypes holds a check for each type.
var toolTypes = map[v1alpha1.ToolType]func(*field.Path, *v1alpha1.Tool) field.ErrorList{
	v1alpha1.ToolHTTP: func(path *field.Path, tool *v1alpha1.Tool) field.ErrorList {
		return need(path.Child("http", "url"), "http tools must specify http.url", tool.Spec.HTTP != nil && tool.Spec.HTTP.URL != "")
	},
	v1alpha1.ToolMCP: func(path *field.Path, tool *v1alpha1.Tool) field.ErrorList {
		mcp := tool.Spec.MCP
		return append(
			need(path.Child("mcp", "mcpServerRef", "name"), "mcp tools must specify mcp.mcpServerRef.name", mcp != nil && mcp.MCPServerRef != nil && mcp.MCPServerRef.Name != ""),
			need(path.Child("mcp", "toolName"), "mcp tools must specify mcp.toolName", mcp != nil && mcp.ToolName != "")...)
	},
	v1alpha1.ToolAgent: func(path *field.Path, tool *v1alpha1.Tool) field.ErrorList {
		return need(path.Child("agent", "name"), "agent tools must specify agent.name", named(tool.Spec.Agent))
	},
	v1alpha1.ToolTeam: func(path *field.Path, tool *v1alpha1.Tool) field.ErrorList {
		return need(path.Child("team", "name"), "team tools must specify team.name", named(tool.Spec.Team))
	},
	v1alpha1.ToolBuiltIn: func(_ *field.Path, tool *v1alpha1.Tool) field.ErrorList {
		if isBuiltIn(tool.Name) {
			return nil
		}
		return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), tool.Name,
			fmt.Sprintf("unsupported built-in tool '%s': supported built-in tools are: noop, terminate", tool.Name))}
	},
	v1alpha1.ToolInline: checkInline,
}

func need(path *field.Path, message string, there bool) field.ErrorList {
	if there {
		return nil
	}
	return field.ErrorList{field.Required(path, message)}
}

func named(ref *v1alpha1.LocalReference) bool { return ref != nil && ref.Name != "" }

func checkInline(path *field.Path, tool *v1alpha1.Tool) (errs field.ErrorList) {
	spec := &tool.Spec
	for _, block := range []struct {
		name string
		set  bool
	}{{"http", spec.HTTP != nil}, {"mcp", spec.MCP != nil}, {"agent", spec.Agent != nil}, {"team", spec.Team != nil}, {"builtin", spec.Builtin != nil}} {
		if block.set {
			errs = append(errs, field.Forbidden(path.Child(block.name), block.name+" cannot be set for inline tools"))
		}
	}
	source := path.Child("inline", "source")
	switch inline := spec.Inline; {
	case inline == nil:
		errs = append(errs, field.Required(path.Child("inline"), "inline tools must specify inline.source and inline.language"))
	case strings.TrimSpace(inline.Source) == "":
		errs = append(errs, field.Required(source, "inline source cannot be blank"))
	case len(inline.Source) > maxInlineSource:
		errs = append(errs, field.TooLong(source, "", maxInlineSource))
	}
	if schema, ok := parseSchema(spec.InputSchema); ok && schema.kinds() != nil && !schema.allows("object") {
		errs = append(errs, field.Invalid(path.Child("inputSchema", "type"), strings.Join(schema.kinds(), ", "), "the input of inline tools must be an object"))
	}
	return errs
}
