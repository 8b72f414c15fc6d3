package gitops

import (
	"context"
	"fmt"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/engine"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

const (
	trackingLabel = "app.kubernetes.io/instance"
	argoManager   = "argocd-controller"
)

// TestArgo syncs every kind with Argo CD's engine, applying on the client's side and on the
// server's.
func TestArgo(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		clusterCache := cache.NewClusterCache(w.config, cache.SetLogr(logr.Discard()),
			cache.SetPopulateResourceInfoHandler(func(u *unstructured.Unstructured, _ bool) (any, bool) {
				managed := u.GetLabels()[trackingLabel] == "ark"
				return managed, managed
			}))
		kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
		e := engine.NewEngine(w.config, clusterCache, engine.WithLogr(logr.Discard()), engine.WithKubectl(kubectl))
		stop, err := e.Run()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		isManaged := func(r *cache.Resource) bool { managed, _ := r.Info.(bool); return managed }
		wanted := func() []*unstructured.Unstructured {
			objects := w.wanted()
			for _, o := range objects {
				o.SetLabels(map[string]string{trackingLabel: "ark"})
			}
			return objects
		}
		syncNow := func(what string, objects []*unstructured.Unstructured, serverSide bool) []common.ResourceSyncResult {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			results, err := e.Sync(ctx, objects, isManaged, "r", namespace, sync.WithPrune(true), sync.WithLogr(logr.Discard()),
				sync.WithServerSideApply(serverSide), sync.WithServerSideApplyManager(argoManager), sync.WithManifestValidation(true))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for _, r := range results {
				if r.Status != common.ResultCodeSynced && r.Status != common.ResultCodePruned {
					t.Errorf("%s: %s: %s %s", what, r.ResourceKey.String(), r.Status, r.Message)
				}
			}
			return results
		}
		applier, cleanup, err := kubectl.ManageServerSideDiffDryRuns(w.config)
		if err != nil {
			t.Fatal(err)
		}
		defer cleanup()
		_, parser, err := kubectl.LoadOpenAPISchema(w.config)
		if err != nil {
			t.Fatal(err)
		}
		// inSync compares by a dry run on the server, as Argo CD does to show whether an application is
		// in sync.
		inSync := func(ignoreMutations bool) error {
			options := []diff.Option{diff.WithLogr(logr.Discard()), diff.WithManager(argoManager), diff.WithGVKParser(parser), diff.WithIgnoreMutationWebhook(ignoreMutations),
				diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier))}
			for _, o := range wanted() {
				live, err := kubectl.GetResource(t.Context(), w.config, o.GroupVersionKind(), o.GetName(), o.GetNamespace())
				if err != nil {
					return fmt.Errorf("%s: %w", o.GetKind(), err)
				}
				r, err := diff.Diff(o, live, options...)
				if err != nil {
					return fmt.Errorf("%s: %w", o.GetKind(), err)
				}
				if r.Modified {
					return fmt.Errorf("%s %s is out of sync: live %s, predicted %s", o.GetKind(), o.GetName(), r.NormalizedLive, r.PredictedLive)
				}
			}
			return nil
		}

		for _, serverSide := range []bool{false, true} {
			t.Run(fmt.Sprintf("server side %t", serverSide), func(t *testing.T) {
				syncNow("the first layer", layers(wanted())[0], serverSide)
				syncNow("the first sync", wanted(), serverSide)
				before := w.versions(t)
				syncNow("the second sync", wanted(), serverSide)
				w.unchanged(t, "the second sync", before)
				w.report(t)
				before = w.versions(t)
				syncNow("a sync after the controllers", wanted(), serverSide)
				w.unchanged(t, "a sync after the controllers", before)
				if serverSide {
					for _, ignoreMutations := range []bool{true, false} {
						if err := inSync(ignoreMutations); err != nil {
							t.Errorf("in sync by the server's dry run, what admission changes ignored %t: %v", ignoreMutations, err)
						}
					}
				}

				w.ark(t, func(t *testing.T, m *unstructured.Unstructured, _ registrytest.Sample) {
					// The engine knows no health of these kinds, which counts as healthy.
					if h, err := health.GetResourceHealth(w.live(t, m), nil); err != nil || h != nil {
						t.Errorf("the health of %s: %+v, %v", m.GetKind(), h, err)
					}
				})

				w.drift(t)
				if w.healed(t) == nil {
					t.Fatal("nothing drifted")
				}
				eventually(t, "heal", func() error {
					syncNow("a sync after a drift", wanted(), serverSide)
					return w.healed(t)
				})
				before = w.versions(t)
				syncNow("a sync after that", wanted(), serverSide)
				w.unchanged(t, "a sync after that", before)

				// Nothing is wanted any more but what the others refer to.
				eventually(t, "prune", func() error {
					syncNow("a sync of less", layers(wanted())[0], serverSide)
					return w.gone(t)
				})
			})
		}
	})
}
