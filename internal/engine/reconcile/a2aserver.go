package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	"github.com/mckinsey/ark-server/internal/engine/a2a"
)

const (
	// labelA2AServer is the label of an Agent with the A2AServer that offers it.
	labelA2AServer = "a2a/server"
	// cardTimeout is how long a server may take to return its card.
	cardTimeout = 30 * time.Second
	// engineA2A is the engine of the agents of A2A servers.
	engineA2A = "a2a"
	// secretAddress is shown in place of an address that is in a Secret.
	secretAddress = "(in a Secret)"
)

// Introduction is the answer of an A2A server.
type Introduction struct {
	Card a2a.Card
	// Address is the address that was called; "" if it is not known. Secret is true if it must not be
	// shown.
	Address string
	Secret  bool
	Err     error
}

// a2aServer requests a server's card, if it is due, and creates an Agent from it.
func (r *Reconciler) a2aServer(ctx context.Context, k key, s *v1prealpha1.A2AServer) error {
	poll := pollOf(s.Spec.PollInterval)
	if s.DeletionTimestamp != nil || r.asked(k, s.Generation, poll) {
		return nil
	}
	if s.Status == nil {
		s.Status = &v1prealpha1.A2AServerStatus{}
	}
	if len(s.Status.Conditions) == 0 {
		first := verdict{v1alpha1.ConditionFalse, v1alpha1.ConditionTrue, "Initializing", "StartingDiscovery", "The server has not been asked yet"}
		if err := r.judgeA2A(ctx, s, first, ""); err != nil {
			return err
		}
	}
	asking, cancel := context.WithTimeout(ctx, cardTimeout)
	defer cancel()
	found := r.probes.A2A(asking, s)
	if ctx.Err() != nil {
		return nil
	}
	r.askAgain(k, s.Generation, poll)
	shown := found.Address
	if found.Secret {
		shown = secretAddress
	}
	switch {
	case found.Err != nil && found.Address == "":
		return r.judgeA2A(ctx, s, failed("AddressResolutionFailed", found.Err), "")
	case found.Err != nil:
		v := failed("DiscoveryFailed", found.Err)
		v.discovering, v.discoveringReason = v1alpha1.ConditionTrue, "DiscoveringAgents"
		return r.judgeA2A(ctx, s, v, shown)
	}
	if err := r.keepAgents(ctx, s, agentOf(s, found.Card, shown)); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return r.judgeA2A(ctx, s, failed("AgentCreationFailed", err), shown)
	}
	return r.judgeA2A(ctx, s, verdict{
		v1alpha1.ConditionTrue, v1alpha1.ConditionFalse, "AgentDiscovered", "DiscoveryComplete", "The server offers the agent " + found.Card.Name,
	}, shown)
}

// judgeA2A writes a status if it changes.
func (r *Reconciler) judgeA2A(ctx context.Context, s *v1prealpha1.A2AServer, v verdict, address string) error {
	before := s.Status.DeepCopy()
	if address != "" && address != secretAddress {
		s.Status.LastResolvedAddress = &address
	}
	setCondition(&s.Status.Conditions, s.Generation, "Ready", v.available, v.availableReason, v.message)
	setCondition(&s.Status.Conditions, s.Generation, "Discovering", v.discovering, v.discoveringReason, v.message)
	if apiequality.Semantic.DeepEqual(before, s.Status) {
		return nil
	}
	return r.client.UpdateStatus(ctx, "a2aservers", s)
}

// keepAgents makes the server's Agent exist, and deletes all others with its label.
func (r *Reconciler) keepAgents(ctx context.Context, s *v1prealpha1.A2AServer, wanted *v1alpha1.Agent) error {
	beside, err := r.caches["agents"].GetIndexer().ByIndex(byNamespace, s.Namespace)
	if err != nil {
		return err
	}
	var there *v1alpha1.Agent
	for _, object := range beside {
		a, ok := object.(*v1alpha1.Agent)
		switch {
		case !ok:
		case a.Name == wanted.Name:
			there = a
		case a.Labels[labelA2AServer] == s.Name:
			if err := r.client.Delete(ctx, "agents", a); err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("delete the agent %s: %w", a.Name, err)
			}
		}
	}
	if there == nil {
		err := r.client.Create(ctx, "agents", wanted.DeepCopy())
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		there = &v1alpha1.Agent{} // the cache does not have it yet
		if err := r.client.Get(ctx, "agents", wanted.Namespace, wanted.Name, there); err != nil {
			return err
		}
	}
	if there.Labels[labelA2AServer] != s.Name {
		return fmt.Errorf("there is an Agent called %s which is not the server's: delete one of them, or change its name", wanted.Name)
	}
	next := there.DeepCopy()
	next.Spec.Description, next.Spec.Prompt, next.Spec.ExecutionEngine = wanted.Spec.Description, wanted.Spec.Prompt, wanted.Spec.ExecutionEngine
	next.OwnerReferences = wanted.OwnerReferences
	if next.Annotations == nil {
		next.Annotations = map[string]string{}
	}
	for name, value := range wanted.Annotations {
		next.Annotations[name] = value
	}
	if apiequality.Semantic.DeepEqual(there.Spec, next.Spec) && apiequality.Semantic.DeepEqual(there.ObjectMeta, next.ObjectMeta) {
		return nil
	}
	return r.client.Update(ctx, "agents", next)
}

func agentOf(s *v1prealpha1.A2AServer, card a2a.Card, address string) *v1alpha1.Agent {
	prompt := strings.TrimSpace("You are " + card.Name + ". " + card.Description)
	out := &v1alpha1.Agent{
		ObjectMeta: metav1.ObjectMeta{
			Name: agentName(card.Name), Namespace: s.Namespace, Labels: map[string]string{labelA2AServer: s.Name},
			Annotations: map[string]string{},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1prealpha1.SchemeGroupVersion.String(), Kind: "A2AServer", Name: s.Name, UID: s.UID,
			}},
		},
		Spec: v1alpha1.AgentSpec{
			Description: &card.Description, Prompt: &prompt, ExecutionEngine: &v1alpha1.ResourceReference{Name: engineA2A},
		},
	}
	for name, value := range s.Annotations {
		if strings.HasPrefix(name, arkPrefix) {
			out.Annotations[name] = value
		}
	}
	out.Annotations[arkPrefix+"a2a-server-name"] = s.Name
	out.Annotations[arkPrefix+"a2a-server-address"] = address
	out.Annotations[arkPrefix+"a2a-server-skills"] = string(card.Skills)
	out.Annotations[arkPrefix+"a2a-streaming-supported"] = strconv.FormatBool(card.Streaming)
	if len(card.Extensions) > 0 {
		if text, err := json.Marshal(card.Extensions); err == nil {
			out.Annotations[arkPrefix+"a2a-supported-extensions"] = string(text)
		}
	}
	return out
}

// agentName converts an agent's name to the name of an object.
func agentName(name string) string {
	var out strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			out.WriteRune(c)
		case out.Len() > 0 && !strings.HasSuffix(out.String(), "-"):
			out.WriteByte('-')
		}
	}
	return strings.Trim(out.String()[:min(out.Len(), 63)], "-")
}

// elsewhere returns whether the server or engine that runs a remote agent exists.
func (r *Reconciler) elsewhere(a *v1alpha1.Agent) (status v1alpha1.ConditionStatus, reason, message string) {
	for _, owner := range a.OwnerReferences {
		if owner.Kind != "A2AServer" {
			continue
		}
		object, found, err := r.caches["a2aservers"].GetIndexer().GetByKey(a.Namespace + "/" + owner.Name)
		s, ok := object.(*v1prealpha1.A2AServer)
		if err != nil || !found || !ok {
			return v1alpha1.ConditionFalse, "A2AServerNotReady", fmt.Sprintf("A2AServer '%s' not found in namespace '%s'", owner.Name, a.Namespace)
		}
		if s.Status == nil || !holds(s.Status.Conditions, "Ready") {
			return v1alpha1.ConditionFalse, "A2AServerNotReady", fmt.Sprintf("A2AServer '%s' is not ready", owner.Name)
		}
	}
	ref := a.Spec.ExecutionEngine
	if ref.Name != engineA2A {
		namespace := a.Namespace
		if ref.Namespace != nil && *ref.Namespace != "" {
			namespace = *ref.Namespace
		}
		object, found, err := r.caches["executionengines"].GetIndexer().GetByKey(namespace + "/" + ref.Name)
		e, ok := object.(*v1prealpha1.ExecutionEngine)
		if err != nil || !found || !ok {
			return v1alpha1.ConditionFalse, "ExecutionEngineNotFound", fmt.Sprintf("ExecutionEngine '%s' not found in namespace '%s'", ref.Name, namespace)
		}
		if e.Status == nil || e.Status.Phase == nil || *e.Status.Phase != phaseReady {
			return v1alpha1.ConditionFalse, "ExecutionEngineNotReady", fmt.Sprintf("ExecutionEngine '%s' is not ready", ref.Name)
		}
	}
	return r.tools(a)
}
