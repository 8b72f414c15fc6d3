package records

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// verifications serves the kind HistoryVerification, which supports only create.
type verifications struct{ *Group }

var _ rest.Creater = &verifications{}

func (*verifications) New() runtime.Object     { return &v1alpha1.HistoryVerification{} }
func (*verifications) Destroy()                {}
func (*verifications) NamespaceScoped() bool   { return false }
func (*verifications) GetSingularName() string { return "historyverification" }

// Create implements rest.Creater.
func (v *verifications) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	asked, ok := obj.(*v1alpha1.HistoryVerification)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the request is a %T, want a HistoryVerification", obj))
	}
	if err := v.admit(ctx, obj, validate); err != nil {
		return nil, err
	}
	var kept []history.Head
	for _, text := range asked.Spec.Heads {
		head, err := history.ParseHead(text)
		if err != nil {
			return nil, apierrors.NewBadRequest("spec.heads: " + err.Error())
		}
		kept = append(kept, head)
	}
	found, err := v.upkeep.Verify(ctx, kept)
	if errors.Is(err, history.ErrNoChain) {
		return nil, apierrors.NewConflict(v1alpha1.Resource("historyverifications"), asked.Name, err)
	}
	if err != nil {
		return nil, v.asStatus(err)
	}
	done := asked.DeepCopy()
	done.Status = &v1alpha1.HistoryVerificationStatus{
		Intact: found.Break == "", Break: found.Break, Head: found.Head.String(), Revision: found.Head.Revision, Links: found.Head.Links,
		Versions: found.Versions, Removed: found.Removed, Unchained: found.Unchained,
	}
	return done, nil
}
