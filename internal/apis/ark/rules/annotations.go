package rules

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// SkipLabel set to "true" has the rules skip an Agent or Tool. Inline tools
	// still need their author's permission.
	SkipLabel = "ark.mckinsey.com/skip-webhook-validation"

	// migrationWarning is the start of the names of annotations that tell what
	// was migrated. Their values go to the client as warnings.
	migrationWarning = "ark.mckinsey.com/migration-warning-"

	// a2aServerName marks Agents that an A2AServer offers.
	a2aServerName = "ark.mckinsey.com/a2a-server-name"
)

// Skips says whether an object asks to be left alone.
func Skips(obj metav1.Object) bool { return obj.GetLabels()[SkipLabel] == "true" }

// MigrationWarnings returns what an object's annotations tell of migrations, in
// the order of their names.
func MigrationWarnings(obj metav1.Object) []string {
	var names, warnings []string
	for name := range obj.GetAnnotations() {
		if strings.HasPrefix(name, migrationWarning) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		warnings = append(warnings, obj.GetAnnotations()[name])
	}
	return warnings
}

// noteMigration annotates an object. The map may be shared, so it is copied.
func noteMigration(obj metav1.Object, what, text string) {
	name := migrationWarning + what
	annotations := obj.GetAnnotations()
	if annotations[name] == text {
		return
	}
	annotations = maps.Clone(annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[name] = text
	obj.SetAnnotations(annotations)
}
