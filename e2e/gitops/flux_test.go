package gitops

import (
	"slices"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/ssa"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// TestFlux applies every kind with Flux's applier, which compares a dry run of a server-side apply
// with what is there.
func TestFlux(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		httpClient, err := rest.HTTPClientFor(w.config)
		if err != nil {
			t.Fatal(err)
		}
		mapper, err := apiutil.NewDynamicRESTMapper(w.config, httpClient)
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.New(w.config, client.Options{Mapper: mapper, HTTPClient: httpClient})
		if err != nil {
			t.Fatal(err)
		}
		manager := ssa.NewResourceManager(c, polling.NewStatusPoller(c, mapper, polling.Options{}), ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"})
		sync := func(what string, want ...ssa.Action) {
			t.Helper()
			objects := w.wanted()
			manager.SetOwnerLabels(objects, "ark", "flux-system")
			for _, layer := range layers(objects) {
				changes, err := manager.ApplyAllStaged(t.Context(), layer, ssa.DefaultApplyOptions())
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if len(changes.Entries) != len(layer) {
					t.Errorf("%s: %d changes, want one for each of %d objects", what, len(changes.Entries), len(layer))
				}
				for _, e := range changes.Entries {
					if !slices.Contains(want, e.Action) {
						t.Errorf("%s: %s %s, want %v", what, e.Subject, e.Action, want)
					}
				}
			}
		}
		sync("the first sync", ssa.CreatedAction)
		before := w.versions(t)
		sync("the second sync", ssa.UnchangedAction)
		w.unchanged(t, "the second sync", before)

		w.report(t)
		before = w.versions(t)
		sync("a sync after the controllers", ssa.UnchangedAction)
		w.unchanged(t, "a sync after the controllers", before)

		if err := manager.Wait(w.wanted(), ssa.WaitOptions{Interval: 100 * time.Millisecond, Timeout: patience}); err != nil {
			t.Errorf("health: %v", err)
		}
		w.ark(t, func(t *testing.T, m *unstructured.Unstructured, _ registrytest.Sample) {
			if r, err := status.Compute(w.live(t, m)); err != nil || r.Status != status.CurrentStatus {
				t.Errorf("the health of %s: %+v, %v", m.GetKind(), r, err)
			}
		})

		w.drift(t)
		if w.healed(t) == nil {
			t.Fatal("nothing drifted")
		}
		sync("a sync after a drift", ssa.ConfiguredAction, ssa.CreatedAction, ssa.UnchangedAction)
		if err := w.healed(t); err != nil {
			t.Errorf("after a drift: %v", err)
		}
		before = w.versions(t)
		sync("a sync after that", ssa.UnchangedAction)
		w.unchanged(t, "a sync after that", before)

		objects := w.wanted()
		manager.SetOwnerLabels(objects, "ark", "flux-system")
		options := ssa.DefaultDeleteOptions()
		options.PropagationPolicy = metav1.DeletePropagationBackground
		options.Inclusions = manager.GetOwnerLabels("ark", "flux-system")
		if _, err := manager.DeleteAll(t.Context(), objects, options); err != nil {
			t.Fatalf("prune: %v", err)
		}
		if err := manager.WaitForTermination(objects, ssa.WaitOptions{Interval: 100 * time.Millisecond, Timeout: patience}); err != nil {
			t.Errorf("prune: %v", err)
		}
		if err := w.gone(t); err != nil {
			t.Errorf("prune: %v", err)
		}
	})
}
