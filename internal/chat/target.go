package chat

import (
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// target is the object that a model's id names.
type target struct {
	namespace string
	kind      v1alpha1.QueryTargetType
	name      string
}

// kinds are the possible kinds of targets, with the resource of each.
var kinds = []struct {
	kind     v1alpha1.QueryTargetType
	resource string
}{
	{v1alpha1.QueryTargetAgent, "agents"}, {v1alpha1.QueryTargetTeam, "teams"},
	{v1alpha1.QueryTargetModel, "models"}, {v1alpha1.QueryTargetTool, "tools"},
}

func (t target) resource() string {
	for _, k := range kinds {
		if k.kind == t.kind {
			return k.resource
		}
	}
	return ""
}

// id returns KIND/NAME.
func (t target) id() string { return string(t.kind) + "/" + t.name }

// parseTarget parses KIND/NAME or NAMESPACE/KIND/NAME.
func parseTarget(id string) (target, bool) {
	parts := strings.Split(id, "/")
	var t target
	switch len(parts) {
	case 2:
		t = target{kind: v1alpha1.QueryTargetType(parts[0]), name: parts[1]}
	case 3:
		t = target{namespace: parts[0], kind: v1alpha1.QueryTargetType(parts[1]), name: parts[2]}
	default:
		return t, false
	}
	return t, t.resource() != "" && !slices.Contains(parts, "")
}
