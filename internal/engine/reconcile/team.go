package reconcile

import (
	"context"
	"fmt"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// team writes whether the agents of a team are available.
func (r *Reconciler) team(ctx context.Context, t *v1alpha1.Team) error {
	if t.Status == nil {
		t.Status = &v1alpha1.TeamStatus{}
	}
	if len(t.Status.Conditions) == 0 {
		setCondition(&t.Status.Conditions, t.Generation, "Available", v1alpha1.ConditionUnknown, "Initializing", "The members have not been looked at yet")
		if err := r.client.UpdateStatus(ctx, "teams", t); err != nil {
			return err
		}
	}
	status, reason, message := r.members(t)
	if setCondition(&t.Status.Conditions, t.Generation, "Available", status, reason, message) {
		return r.client.UpdateStatus(ctx, "teams", t)
	}
	return nil
}

func (r *Reconciler) members(t *v1alpha1.Team) (status v1alpha1.ConditionStatus, reason, message string) {
	if len(t.Spec.Members) == 0 {
		return v1alpha1.ConditionFalse, "NoMembers", "The team has no members"
	}
	for _, m := range t.Spec.Members {
		if m.Type != v1alpha1.TeamMemberAgent || m.Name == nil {
			continue
		}
		object, found, err := r.caches["agents"].GetIndexer().GetByKey(t.Namespace + "/" + *m.Name)
		if err != nil || !found {
			return v1alpha1.ConditionFalse, "MemberNotFound", fmt.Sprintf("Agent '%s' not found in namespace '%s'", *m.Name, t.Namespace)
		}
		if a, ok := object.(*v1alpha1.Agent); ok && (a.Status == nil || !holds(a.Status.Conditions, "Available")) {
			return v1alpha1.ConditionFalse, "MemberNotAvailable", fmt.Sprintf("Agent '%s' in namespace '%s' is not available", *m.Name, t.Namespace)
		}
	}
	return v1alpha1.ConditionTrue, "Available", "All members are available"
}

func holds(conditions []v1alpha1.Condition, kind string) bool {
	for _, c := range conditions {
		if c.Type == kind {
			return c.Status == v1alpha1.ConditionTrue
		}
	}
	return false
}
