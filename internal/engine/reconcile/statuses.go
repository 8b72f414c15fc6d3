package reconcile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// pollOf returns the poll interval of an external server.
func pollOf(given *v1alpha1.Duration) time.Duration {
	if given != nil {
		if poll, err := given.Parse(); err == nil && poll > 0 {
			return poll
		}
	}
	return defaultPoll
}

// asked reports whether the external server of an object need not be called yet. If so, the object
// is queued again for when it is due.
func (r *Reconciler) asked(k key, generation int64, poll time.Duration) bool {
	r.mu.Lock()
	last := r.probed[k]
	r.mu.Unlock()
	wait := poll - time.Since(last.at)
	if last.generation != generation || wait <= 0 {
		return false
	}
	r.of(k.resource).AddAfter(k, wait)
	return true
}

// askAgain records that a server was called, and schedules the next call, with jitter.
func (r *Reconciler) askAgain(k key, generation int64, poll time.Duration) {
	r.mu.Lock()
	r.probed[k] = probed{time.Now(), generation}
	r.mu.Unlock()
	jitter := 0.9 + rand.Float64()/5
	r.of(k.resource).AddAfter(k, time.Duration(float64(poll)*jitter))
}

// model calls a model if that is due.
func (r *Reconciler) model(ctx context.Context, k key, m *v1alpha1.Model) error {
	poll := pollOf(m.Spec.PollInterval)
	if r.asked(k, m.Generation, poll) {
		return nil
	}
	if m.Status == nil {
		m.Status = &v1alpha1.ModelStatus{}
		setCondition(&m.Status.Conditions, m.Generation, "ModelAvailable", v1alpha1.ConditionUnknown, "Initializing", "The model has not been asked yet")
		if err := r.client.UpdateStatus(ctx, "models", m); err != nil {
			return err
		}
	}
	asking, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	status, reason, message := v1alpha1.ConditionTrue, "Available", "The model answers"
	if err := r.probes.Model(asking, m); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		status, reason, message = v1alpha1.ConditionFalse, "ModelProbeFailed", err.Error()
	}
	r.askAgain(k, m.Generation, poll)
	if setCondition(&m.Status.Conditions, m.Generation, "ModelAvailable", status, reason, message) {
		return r.client.UpdateStatus(ctx, "models", m)
	}
	return nil
}

// tool marks a tool as ready: it needs no preparation.
func (r *Reconciler) tool(ctx context.Context, t *v1alpha1.Tool) error {
	if t.Spec.Type == v1alpha1.ToolInline || t.Status != nil && t.Status.State != nil && *t.Status.State == "Ready" {
		return nil
	}
	if t.Status == nil {
		t.Status = &v1alpha1.ToolStatus{}
	}
	ready := "Ready"
	t.Status.State = &ready
	return r.client.UpdateStatus(ctx, "tools", t)
}

// agent writes whether everything that an agent needs exists.
func (r *Reconciler) agent(ctx context.Context, a *v1alpha1.Agent) error {
	look := r.dependencies
	if a.Spec.ExecutionEngine != nil && a.Spec.ExecutionEngine.Name != "" {
		look = r.elsewhere
	}
	status, reason, message := look(a)
	if a.Status == nil {
		a.Status = &v1alpha1.AgentStatus{}
	}
	if setCondition(&a.Status.Conditions, a.Generation, "Available", status, reason, message) {
		return r.client.UpdateStatus(ctx, "agents", a)
	}
	return nil
}

func (r *Reconciler) dependencies(a *v1alpha1.Agent) (status v1alpha1.ConditionStatus, reason, message string) {
	ref := a.Spec.ModelRef
	if ref == nil {
		return v1alpha1.ConditionFalse, "ModelNotConfigured", "The agent has no model"
	}
	namespace := a.Namespace
	if ref.Namespace != nil && *ref.Namespace != "" {
		namespace = *ref.Namespace
	}
	object, found, err := r.caches["models"].GetIndexer().GetByKey(namespace + "/" + ref.Name)
	if err != nil || !found {
		return v1alpha1.ConditionFalse, "ModelNotFound", fmt.Sprintf("Model '%s' not found in namespace '%s'", ref.Name, namespace)
	}
	if m, ok := object.(*v1alpha1.Model); ok && !isTrue(m) {
		return v1alpha1.ConditionFalse, "ModelNotFound", fmt.Sprintf("Model '%s' in namespace '%s' is not available", ref.Name, namespace)
	}
	return r.tools(a)
}

// tools returns whether the tools of an agent exist.
func (r *Reconciler) tools(a *v1alpha1.Agent) (status v1alpha1.ConditionStatus, reason, message string) {
	for _, t := range a.Spec.Tools {
		name := ""
		if t.Name != nil {
			name = *t.Name
		}
		if t.Partial != nil && t.Partial.Name != nil && *t.Partial.Name != "" {
			name = *t.Partial.Name
		}
		builtin := t.Type == v1alpha1.AgentToolBuiltIn || t.Type == v1alpha1.AgentToolBuiltInLegacy
		object, found, err := r.caches["tools"].GetIndexer().GetByKey(a.Namespace + "/" + name)
		switch tool, _ := object.(*v1alpha1.Tool); {
		case err != nil || !found:
			if !builtin {
				return v1alpha1.ConditionFalse, "ToolNotFound", fmt.Sprintf("Tool '%s' not found in namespace '%s'", name, a.Namespace)
			}
		case !builtin && t.Type != v1alpha1.AgentToolCustom && string(t.Type) != string(tool.Spec.Type):
			return v1alpha1.ConditionFalse, "ToolNotFound", fmt.Sprintf("Tool '%s' has the type '%s', not '%s'", name, tool.Spec.Type, t.Type)
		}
	}
	return v1alpha1.ConditionTrue, "Available", "All dependencies are available"
}

func isTrue(m *v1alpha1.Model) bool {
	return m.Status != nil && holds(m.Status.Conditions, "ModelAvailable")
}

// setCondition changes a condition, and reports whether it has changed: a different generation or
// time alone is no change.
func setCondition(all *[]v1alpha1.Condition, generation int64, kind string, status v1alpha1.ConditionStatus, reason, message string) bool {
	next := v1alpha1.Condition{
		Type: kind, Status: status, Reason: reason, Message: &message, ObservedGeneration: &generation, LastTransitionTime: metav1.Now(),
	}
	for i, c := range *all {
		if c.Type != kind {
			continue
		}
		if c.Status == status && c.Reason == reason {
			return false
		}
		if c.Status == status {
			next.LastTransitionTime = c.LastTransitionTime
		}
		(*all)[i] = next
		return true
	}
	*all = append(*all, next)
	return true
}
