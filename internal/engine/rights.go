package engine

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// User is the name of the engine's user. No other client can have it: it is reserved for clients in
// the process.
const User = "system:ark-engine"

// Rules are the permissions of the engine's user, in all namespaces.
func Rules() []rbacv1.PolicyRule {
	ark := v1alpha1.SchemeGroupVersion.Group
	return []rbacv1.PolicyRule{
		{APIGroups: []string{ark}, Resources: []string{"queries"}, Verbs: []string{"get", "list", "watch", "update", "delete"}},
		{APIGroups: []string{ark}, Resources: []string{"queries/status", "models/status", "agents/status", "tools/status", "teams/status", "memories/status", "mcpservers/status", "a2aservers/status", "executionengines/status"}, Verbs: []string{"update"}},
		{APIGroups: []string{ark}, Resources: []string{"agents", "teams", "models", "tools", "mcpservers", "memories", "arkconfigs", "a2aservers", "executionengines"}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{ark}, Resources: []string{"tools", "agents"}, Verbs: []string{"create", "update", "delete"}},
		{APIGroups: []string{ark}, Resources: []string{"a2atasks"}, Verbs: []string{"get", "list", "watch", "create", "delete"}},
		{APIGroups: []string{ark}, Resources: []string{"a2atasks/status"}, Verbs: []string{"update"}},
		{APIGroups: []string{ark}, Resources: []string{"queries/finalizers"}, Verbs: []string{"update"}},
		{APIGroups: []string{ark}, Resources: []string{"mcpservers/finalizers", "a2aservers/finalizers"}, Verbs: []string{"update"}},
		{APIGroups: []string{""}, Resources: []string{"secrets", "configmaps", "services"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"list", "create", "patch", "update"}},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "list", "create", "update", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"impersonate"}},
	}
}
