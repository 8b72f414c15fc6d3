package execution

import (
	"fmt"
	"slices"

	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// checkApproval refuses a turn with a call that a person has to approve: nothing of the turn runs.
func (a *agent) checkApproval(calls []provider.ToolCall) error {
	for _, call := range calls {
		i := slices.IndexFunc(a.tools, func(t *tool) bool { return t.name == call.Name })
		if i >= 0 && a.tools[i].approval {
			return fmt.Errorf("the tool '%s' needs the approval of a person, for which the embedded engine cannot ask yet: use --engine=external", call.Name)
		}
	}
	return nil
}
