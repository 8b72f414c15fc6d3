package records

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// runs serves the kind RetentionRun, and purges the kind Purge. Both support only create.
type (
	runs   struct{ *Group }
	purges struct{ *Group }
)

var (
	_ rest.Creater = &runs{}
	_ rest.Creater = &purges{}
)

func (*runs) New() runtime.Object       { return &v1alpha1.RetentionRun{} }
func (*runs) Destroy()                  {}
func (*runs) NamespaceScoped() bool     { return false }
func (*runs) GetSingularName() string   { return "retentionrun" }
func (*purges) New() runtime.Object     { return &v1alpha1.Purge{} }
func (*purges) Destroy()                {}
func (*purges) NamespaceScoped() bool   { return false }
func (*purges) GetSingularName() string { return "purge" }

// Create implements rest.Creater.
func (r *runs) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	asked, ok := obj.(*v1alpha1.RetentionRun)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the request is a %T, want a RetentionRun", obj))
	}
	if err := r.admit(ctx, obj, validate); err != nil {
		return nil, err
	}
	p, err := r.Policy(ctx)
	if err != nil {
		return nil, r.asStatus(err)
	}
	dry, now := asked.Spec.DryRun || slices.Contains(options.DryRun, metav1.DryRunAll), time.Now()
	report, err := r.upkeep.Retain(ctx, p, now, dry)
	if err != nil {
		return nil, r.asStatus(err)
	}
	done := asked.DeepCopy()
	done.Status = reportOf(report, now, dry)
	done.Status.Digest = hex.EncodeToString(report.Digest[:])
	seen, err := r.rights.visible(ctx, "list", report.Gone)
	if err != nil {
		return nil, r.asStatus(err)
	}
	for _, v := range seen {
		one := r.kinds.revision(v)
		done.Status.Revisions = append(done.Status.Revisions, one.Namespace+"/"+one.Name)
	}
	return done, nil
}

// Create implements rest.Creater. A dry run is refused, because a purge does not determine in
// advance what it removes.
func (p *purges) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	asked, ok := obj.(*v1alpha1.Purge)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the request is a %T, want a Purge", obj))
	}
	if !asked.Spec.One() {
		return nil, apierrors.NewBadRequest("spec names what goes: either uid, session or user")
	}
	if len(options.DryRun) > 0 {
		return nil, apierrors.NewBadRequest("a purge has no dry run: list the revisions by object.uid or user instead")
	}
	if err := p.admit(ctx, obj, validate); err != nil {
		return nil, err
	}
	now := time.Now()
	report, err := p.upkeep.Purge(ctx, history.Target{UID: asked.Spec.UID, User: asked.Spec.User, Session: asked.Spec.Session})
	if err != nil {
		return nil, p.asStatus(err)
	}
	done := asked.DeepCopy()
	done.Status = reportOf(report, now, false)
	if erase := p.eraser.Load(); erase != nil {
		if done.Status.Rows, err = (*erase)(ctx, report.Purged); err != nil {
			return nil, p.asStatus(fmt.Errorf("the versions are removed, and not all that is beside the history: purge again: %w", err))
		}
	}
	return done, nil
}

// admit runs the admission of a creation, if there is a history to change.
func (g *Group) admit(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc) error {
	if none, ok := g.reader.(off); ok {
		return g.asStatus(none.err())
	}
	if g.upkeep == nil {
		return g.asStatus(errors.New("the history of this server cannot be changed"))
	}
	if validate != nil {
		return validate(ctx, obj.DeepCopyObject())
	}
	return nil
}

func reportOf(r history.Report, now time.Time, dry bool) *v1alpha1.RemovalReport {
	report := &v1alpha1.RemovalReport{Time: metav1.NewMicroTime(now), DryRun: dry, Objects: int64(r.Objects), Versions: int64(r.Versions), Removed: map[string]int64{}}
	for resource, n := range r.Removed {
		report.Removed[resource] = int64(n)
	}
	return report
}
