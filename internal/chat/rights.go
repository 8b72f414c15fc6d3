package chat

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// User is the name of the user of the server's own requests. It watches and cancels the Queries
// that others have created, creates the Memories by which engines find conversations, and lists the
// objects that are then filtered by the caller's rights.
const User = "system:ark-chat"

// Rules are the permissions of that user, in all namespaces.
func Rules() []rbacv1.PolicyRule {
	ark := v1alpha1.SchemeGroupVersion.Group
	return []rbacv1.PolicyRule{
		{APIGroups: []string{ark}, Resources: []string{"queries"}, Verbs: []string{"get", "watch", "patch"}},
		{APIGroups: []string{ark}, Resources: []string{"agents", "teams", "models", "tools"}, Verbs: []string{"list"}},
		{APIGroups: []string{ark}, Resources: []string{"memories"}, Verbs: []string{"get", "create", "update"}},
		{APIGroups: []string{ark}, Resources: []string{"memories/status"}, Verbs: []string{"update"}},
	}
}
