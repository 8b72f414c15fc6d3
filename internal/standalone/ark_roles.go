package standalone

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/registry"
)

// The roles for Ark's kinds. By their labels they are parts of upstream's view, edit and admin.
const (
	arkViewer = "ark-viewer"
	arkEditor = "ark-editor"
)

// withoutKeys are the kinds that hold no keys. The others may, in a value or a header in plain
// text, and who may only view does not see them, as with Secrets.
var withoutKeys = map[string]bool{"a2atasks": true, "agents": true, "arkconfigs": true, "queries": true, "teams": true, "tools": true}

// arkRoles returns the roles for Ark's kinds. An editor cannot write what is not in a namespace, as
// with upstream's edit.
func arkRoles() []rbacv1.ClusterRole {
	var viewed, edited, read []string
	for _, kind := range registry.Kinds() {
		paths := []string{kind.Plural, kind.Plural + "/status"}
		read = append(read, paths...)
		if withoutKeys[kind.Plural] {
			viewed = append(viewed, paths...)
		}
		if !kind.ClusterScoped {
			edited = append(edited, kind.Plural)
		}
	}
	role := func(name, part string, rules ...rbacv1.PolicyRule) rbacv1.ClusterRole {
		return rbacv1.ClusterRole{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
				"rbac.authorization.k8s.io/aggregate-to-" + part: "true",
				"kubernetes.io/bootstrapping":                    "rbac-defaults",
			}, Annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"}},
			Rules: rules,
		}
	}
	rule := func(resources []string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{ark.GroupName}, Resources: resources, Verbs: verbs}
	}
	about := func(resources []string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{records.GroupName}, Resources: resources, Verbs: verbs}
	}
	return []rbacv1.ClusterRole{
		role(arkViewer, "view", rule(viewed, "get", "list", "watch"),
			// Of the history and of answers to questions, users see what is about objects that they may
			// list.
			rule([]string{"*/history", "*/diff", "*/blame"}, "get"),
			about([]string{"revisions", "deletedobjects"}, "get", "list"),
			about([]string{"searches", "sqlqueries"}, "create"), about([]string{"searches"}, "list"), about([]string{"reports"}, "get", "list", "watch")),
		role(arkEditor, "edit", rule(read, "get", "list", "watch"), rule(edited, "create", "update", "patch", "delete", "deletecollection"),
			rule([]string{"*/rollback"}, "create"), about([]string{"deletedobjects/undelete"}, "create"),
			about([]string{"reports"}, "create", "update", "patch", "delete", "deletecollection")),
	}
}
