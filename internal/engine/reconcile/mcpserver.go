package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/mcp"
)

const (
	// labelMCPServer is the label of a Tool with the MCPServer that offers it.
	labelMCPServer = "mcp/server"
	// arkPrefix is the prefix of the annotations that Tools get from their MCPServer.
	arkPrefix = "ark.mckinsey.com/"
)

// Discovery is the answer of an MCP server.
type Discovery struct {
	Tools []mcp.Tool
	// Address is the address that was called; "" if it is not known, or in a Secret.
	Address string
	// Unresolved is true if the address cannot be resolved.
	Unresolved bool
	// Connected is true if there was a session.
	Connected bool
	Err       error
}

// verdict is the content of the conditions of an MCPServer.
type verdict struct {
	available, discovering             v1alpha1.ConditionStatus
	availableReason, discoveringReason string
	message                            string
}

// mcpServer lists a server's tools, if that is due, and creates Tools from them.
func (r *Reconciler) mcpServer(ctx context.Context, k key, s *v1alpha1.MCPServer) error {
	poll := pollOf(s.Spec.PollInterval)
	if s.DeletionTimestamp != nil || r.asked(k, s.Generation, poll) {
		return nil
	}
	if s.Status == nil {
		s.Status = &v1alpha1.MCPServerStatus{}
	}
	if len(s.Status.Conditions) == 0 {
		first := verdict{v1alpha1.ConditionUnknown, v1alpha1.ConditionTrue, "Initializing", "Starting", "The server has not been asked yet"}
		if err := r.judge(ctx, s, first, s.Status.ToolCount, ""); err != nil {
			return err
		}
	}
	found := r.probes.MCP(ctx, s)
	if ctx.Err() != nil {
		return nil
	}
	r.askAgain(k, s.Generation, poll)
	none := int64(0)
	switch {
	case found.Err != nil && found.Unresolved:
		return r.judge(ctx, s, failed("AddressResolutionFailed", found.Err), s.Status.ToolCount, "")
	case found.Err != nil && !found.Connected:
		// Without a session the tools cannot be called.
		return errors.Join(r.judge(ctx, s, failed("ClientCreationFailed", found.Err), &none, found.Address), r.keepTools(ctx, s, nil))
	case found.Err != nil:
		v := failed("ToolListingFailed", found.Err)
		v.discovering, v.discoveringReason = v1alpha1.ConditionTrue, "ServerConnectedAndToolListingFailed"
		return r.judge(ctx, s, v, s.Status.ToolCount, found.Address)
	}
	count := int64(len(found.Tools))
	if err := r.keepTools(ctx, s, found.Tools); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return r.judge(ctx, s, failed("ToolCreationFailed", err), s.Status.ToolCount, found.Address)
	}
	return r.judge(ctx, s, verdict{
		v1alpha1.ConditionTrue, v1alpha1.ConditionFalse, "ToolsDiscovered", "DiscoveryComplete", fmt.Sprintf("The server has %d tools", count),
	}, &count, found.Address)
}

func failed(reason string, err error) verdict {
	return verdict{v1alpha1.ConditionFalse, v1alpha1.ConditionFalse, reason, reason, err.Error()}
}

// judge writes a status if it changes.
func (r *Reconciler) judge(ctx context.Context, s *v1alpha1.MCPServer, v verdict, tools *int64, address string) error {
	before := s.Status.DeepCopy()
	if tools != nil && (s.Status.ToolCount == nil || *s.Status.ToolCount != *tools) {
		// The message contains the number of tools. setCondition ignores a change of only the message, so
		// the old condition is removed first.
		s.Status.Conditions = slices.DeleteFunc(s.Status.Conditions, func(c v1alpha1.Condition) bool {
			return c.Type == "Available" && c.Reason == v.availableReason
		})
		s.Status.ToolCount = tools
	}
	if address != "" {
		s.Status.ResolvedAddress = &address
	}
	setCondition(&s.Status.Conditions, s.Generation, "Available", v.available, v.availableReason, v.message)
	setCondition(&s.Status.Conditions, s.Generation, "Discovering", v.discovering, v.discoveringReason, v.message)
	if apiequality.Semantic.DeepEqual(before, s.Status) {
		return nil
	}
	return r.client.UpdateStatus(ctx, "mcpservers", s)
}

// keepTools makes exactly the Tools of a server exist, and deletes all others with its label.
func (r *Reconciler) keepTools(ctx context.Context, s *v1alpha1.MCPServer, tools []mcp.Tool) error {
	wanted := map[string]*v1alpha1.Tool{}
	for _, t := range tools {
		wanted[toolName(s.Name, t.Name)] = toolOf(s, t)
	}
	beside, err := r.caches["tools"].GetIndexer().ByIndex(byNamespace, s.Namespace)
	if err != nil {
		return err
	}
	var faults []error
	there := map[string]*v1alpha1.Tool{}
	for _, object := range beside {
		t, ok := object.(*v1alpha1.Tool)
		if !ok {
			continue
		}
		there[t.Name] = t
		if t.Labels[labelMCPServer] == s.Name && wanted[t.Name] == nil {
			if err := r.client.Delete(ctx, "tools", t); err != nil && !apierrors.IsNotFound(err) {
				faults = append(faults, fmt.Errorf("delete the tool %s: %w", t.Name, err))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if err := r.keepTool(ctx, s, there[name], wanted[name]); err != nil {
			faults = append(faults, fmt.Errorf("keep the tool %s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

// keepTool creates one Tool, or updates it if it differs.
func (r *Reconciler) keepTool(ctx context.Context, s *v1alpha1.MCPServer, there, wanted *v1alpha1.Tool) error {
	if there == nil {
		err := r.client.Create(ctx, "tools", wanted.DeepCopy())
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		there = &v1alpha1.Tool{} // the cache does not have it yet
		if err := r.client.Get(ctx, "tools", wanted.Namespace, wanted.Name, there); err != nil {
			return err
		}
	}
	if there.Labels[labelMCPServer] != s.Name {
		return errors.New("there is a Tool of that name which is not the server's: delete one of them, or change its name")
	}
	next := there.DeepCopy()
	next.Spec, next.OwnerReferences = wanted.Spec, wanted.OwnerReferences
	// The server does not decide how calls are approved.
	next.Spec.Approval = there.Spec.Approval
	for name, value := range wanted.Annotations {
		if next.Annotations == nil {
			next.Annotations = map[string]string{}
		}
		next.Annotations[name] = value
	}
	if apiequality.Semantic.DeepEqual(there.Spec, next.Spec) && apiequality.Semantic.DeepEqual(there.ObjectMeta, next.ObjectMeta) {
		return nil
	}
	return r.client.Update(ctx, "tools", next)
}

// toolName returns the name of the Tool for a server's tool.
func toolName(server, tool string) string {
	return server + "-" + strings.ReplaceAll(strings.ToLower(tool), "_", "-")
}

func toolOf(s *v1alpha1.MCPServer, t mcp.Tool) *v1alpha1.Tool {
	yes := true
	out := &v1alpha1.Tool{
		ObjectMeta: metav1.ObjectMeta{
			Name: toolName(s.Name, t.Name), Namespace: s.Namespace, Labels: map[string]string{labelMCPServer: s.Name},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "MCPServer", Name: s.Name, UID: s.UID, Controller: &yes, BlockOwnerDeletion: &yes,
			}},
		},
		Spec: v1alpha1.ToolSpec{
			Type: v1alpha1.ToolMCP,
			MCP: &v1alpha1.MCPTool{
				MCPServerRef: &v1alpha1.ResourceReference{Name: s.Name, Namespace: &s.Namespace}, ToolName: t.Name,
			},
		},
	}
	for name, value := range s.Annotations {
		if strings.HasPrefix(name, arkPrefix) {
			if out.Annotations == nil {
				out.Annotations = map[string]string{}
			}
			out.Annotations[name] = value
		}
	}
	if t.Description != "" {
		out.Spec.Description = &t.Description
	}
	schema := &v1alpha1.JSONObject{}
	if schema.UnmarshalJSON(t.Schema) == nil && strings.HasPrefix(schema.RawJSON(), "{") {
		out.Spec.InputSchema = schema
	}
	if h := t.Hints; h != nil {
		out.Spec.Annotations = &v1alpha1.ToolAnnotations{
			DestructiveHint: h.DestructiveHint, IdempotentHint: &h.IdempotentHint, OpenWorldHint: h.OpenWorldHint, ReadOnlyHint: &h.ReadOnlyHint,
		}
		if h.Title != "" {
			out.Spec.Annotations.Title = &h.Title
		}
	}
	return out
}
