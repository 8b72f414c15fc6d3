package reconcile

import (
	"context"
	"strings"

	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

const (
	phaseRunning = "running"
	phaseReady   = "ready"
	phaseError   = "error"
)

// located is the status of an object with an address.
type located struct{ phase, message, address string }

// locate resolves an address. One that comes from another object is resolved again after a while,
// because changes of that object are not watched.
func (r *Reconciler) locate(ctx context.Context, k key, source *v1alpha1.ValueSource) located {
	value, err := objects.Values{From: r.client, Namespace: k.namespace}.Source(ctx, source)
	if source != nil && source.ValueFrom != nil || err != nil {
		r.queue.AddAfter(k, defaultPoll)
	}
	switch address := strings.TrimSpace(value.Text); {
	case err != nil:
		return located{phaseError, "The address cannot be resolved: " + err.Error(), ""}
	case address == "":
		return located{phaseError, "The address is empty", ""}
	case value.Secret:
		return located{phaseReady, "The address is resolved: it is in a Secret, and not shown", ""}
	default:
		return located{phaseReady, "The address is resolved", address}
	}
}

// memory writes the address of a Memory.
func (r *Reconciler) memory(ctx context.Context, k key, m *v1alpha1.Memory) error {
	write := func(l located) error {
		before := m.Status.DeepCopy()
		if m.Status == nil {
			m.Status = &v1alpha1.MemoryStatus{}
		}
		phase := v1alpha1.MemoryPhase(l.phase)
		m.Status.Phase, m.Status.Message = &phase, &l.message
		if l.address != "" {
			m.Status.LastResolvedAddress = &l.address
		}
		if apiequality.Semantic.DeepEqual(before, m.Status) {
			return nil
		}
		return r.client.UpdateStatus(ctx, "memories", m)
	}
	if m.Status == nil || m.Status.Phase == nil || *m.Status.Phase == "" {
		if err := write(located{phaseRunning, "The address is being resolved", ""}); err != nil {
			return err
		}
	}
	return write(r.locate(ctx, k, m.Spec.Address))
}

// executionEngine writes the address of an ExecutionEngine.
func (r *Reconciler) executionEngine(ctx context.Context, k key, e *v1prealpha1.ExecutionEngine) error {
	write := func(l located) error {
		before := e.Status.DeepCopy()
		if e.Status == nil {
			e.Status = &v1prealpha1.ExecutionEngineStatus{}
		}
		e.Status.Phase, e.Status.Message = &l.phase, &l.message
		if l.address != "" {
			e.Status.LastResolvedAddress = &l.address
		}
		if apiequality.Semantic.DeepEqual(before, e.Status) {
			return nil
		}
		return r.client.UpdateStatus(ctx, "executionengines", e)
	}
	if e.Status == nil || e.Status.Phase == nil || *e.Status.Phase == "" {
		if err := write(located{phaseRunning, "The address is being resolved", ""}); err != nil {
			return err
		}
	}
	return write(r.locate(ctx, k, objects.Source(e.Spec.Address)))
}
