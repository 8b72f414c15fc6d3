package registry

import (
	"context"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
)

const (
	// claimPrefix is what the names of the executor's annotations begin with.
	claimPrefix = "ark.mckinsey.com/engine"
	// claimFinalizer is the finalizer that it may put.
	claimFinalizer = "ark.mckinsey.com/finalizer"
)

// claim is what the executor may change beside the status. The zero value is that of everybody
// else.
type claim struct {
	mayClaim    bool
	annotations map[string]string
	finalizer   bool
}

// begin gives a new object the status that it begins with, if it is executed in the process.
func (r *ruleset) begin(obj runtime.Object) {
	if r != nil && r.env.Executor != "" && r.kind.hooks.begin != nil {
		r.kind.hooks.begin(obj, r.env.now())
	}
}

// claimOf takes the claim out of an object whose status is about to be stored.
func (r *ruleset) claimOf(ctx context.Context, m metav1.Object) claim {
	if r == nil || r.env.Executor == "" || r.kind.hooks.begin == nil {
		return claim{}
	}
	if by, ok := request.UserFrom(ctx); !ok || by.GetName() != r.env.Executor {
		return claim{}
	}
	c := claim{mayClaim: true, annotations: map[string]string{}, finalizer: slices.Contains(m.GetFinalizers(), claimFinalizer)}
	for name, value := range m.GetAnnotations() {
		if strings.HasPrefix(name, claimPrefix) {
			c.annotations[name] = value
		}
	}
	return c
}

// apply puts the claim on an object that has everything else as it is stored. It takes no finalizer
// away.
func (c claim) apply(m metav1.Object) {
	if !c.mayClaim {
		return
	}
	all := map[string]string{}
	for name, value := range m.GetAnnotations() {
		if !strings.HasPrefix(name, claimPrefix) {
			all[name] = value
		}
	}
	maps.Copy(all, c.annotations)
	if len(all) > 0 || len(m.GetAnnotations()) > 0 {
		m.SetAnnotations(all)
	}
	if c.finalizer && m.GetDeletionTimestamp() == nil && !slices.Contains(m.GetFinalizers(), claimFinalizer) {
		m.SetFinalizers(append(slices.Clone(m.GetFinalizers()), claimFinalizer))
	}
}
