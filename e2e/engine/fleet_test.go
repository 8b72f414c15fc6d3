package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/fleet"
)

// takenUpWithin is the guaranteed time until the queries of a dead replica are taken over.
const takenUpWithin = 15 * time.Second

// TestThreeReplicas kills three replicas on one PostgreSQL in turn while queries are created, and
// then restarts the database. The queries of a killed replica are taken over in time, and each
// query ends once, according to the requests that the model and the tools received.
func TestThreeReplicas(t *testing.T) {
	world := newOutside(t)
	world.pause = 300 * time.Millisecond
	database, place := engine.Start(t, engine.PostgreSQL)
	keys := t.TempDir()
	options := make([]component.ArkOptions, 3)
	for i := range options {
		options[i] = component.ArkOptions{Dir: t.TempDir(), Keys: keys, Storage: place.Flags(), Args: []string{"--engine=embedded", "--engine-allowed-addresses=127.0.0.1/32"}}
	}
	servers := fleet.New(options...)
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
	defer cancel()
	known, who := identities{}, make([]string, len(options))
	for i := range options {
		servers.Restart(t, i)
		who[i] = known.next(ctx, t, servers.Client(i))
	}
	world.furnish(ctx, t, servers.Client(0))
	ends := watchEnds(ctx, t, servers.Any)

	sorts := []string{plain, get, post1, plain, get, post1, plain, get, post1, hang}
	var posting sync.WaitGroup
	const posters = 8
	for p := range posters {
		posting.Go(func() {
			for i := p; i < *many && ctx.Err() == nil; i += posters {
				sort := sorts[i%len(sorts)]
				insist(ctx, t, servers.Any, questionOf(sort, fmt.Sprintf("%s-%d", sort, i)))
			}
		})
	}
	for i := range options {
		ends.await(ctx, t, (i+1)**many/6)
		servers.Kill(i)
		killed := time.Now()
		left, latest := 0, time.Duration(0)
		for {
			running := 0
			for _, q := range listAny(ctx, t, servers) {
				if q.Status.Phase == "running" && q.by() == who[i] {
					running++
				}
			}
			if left == 0 {
				left = running
			}
			latest = time.Since(killed)
			if running == 0 || latest > 2*takenUpWithin {
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
		t.Logf("replica %d left %d queries running; the last was taken up after %s", i, left, latest.Round(100*time.Millisecond))
		if latest > takenUpWithin {
			t.Errorf("what replica %d ran was taken up after %s", i, latest)
		}
		servers.Restart(t, i)
		known.next(ctx, t, servers.Client(i))
	}
	if err := database.Halt(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	if err := database.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	posting.Wait()
	got := ends.await(ctx, t, *many)
	all := listAny(ctx, t, servers)
	if len(all) != *many {
		t.Errorf("%d queries, want %d", len(all), *many)
	}
	interrupted, again, by := 0, 0, map[string]int{}
	for _, q := range all {
		by[q.by()]++
		if n := got[q.Metadata.UID]; n != 1 {
			t.Errorf("%s has ended %d times", q.Metadata.Name, n)
		}
		if world.check(t, q) {
			interrupted++
		}
		if _, called := world.counts(q.Metadata.Name); called > 1 {
			again++
		}
	}
	t.Logf("ended by %v; %d ended with an error because of a call that must not be repeated, and a tool was called again for %d", by, interrupted, again)
}

// identities holds the identities of the known engines: each engine has a Lease with its identity.
type identities map[string]bool

// next returns the identity of the engine that has started last.
func (known identities) next(ctx context.Context, t *testing.T, client *rest.RESTClient) string {
	t.Helper()
	for {
		text, err := client.Get().AbsPath("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases").Param("labelSelector", "ark.mckinsey.com/engine").DoRaw(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var leases struct {
			Items []struct {
				Spec struct{ HolderIdentity string }
			}
		}
		if err := json.Unmarshal(text, &leases); err != nil {
			t.Fatal(err)
		}
		for _, lease := range leases.Items {
			if id := lease.Spec.HolderIdentity; !known[id] {
				known[id] = true
				return id
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func listAny(ctx context.Context, t *testing.T, servers *fleet.Fleet) []query {
	t.Helper()
	return list(ctx, t, servers.Any())
}

// insist creates a query, and retries through every fault of replicas and database.
func insist(ctx context.Context, t *testing.T, client func() *rest.RESTClient, object string) {
	body := `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query",` + object[1:]
	for {
		_, err := client().Post().AbsPath(queries).SetHeader("Content-Type", "application/json").Body([]byte(body)).DoRaw(ctx)
		switch {
		case err == nil, apierrors.IsAlreadyExists(err), ctx.Err() != nil:
			return
		case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), strings.Contains(err.Error(), "forbidden"):
			t.Errorf("make %s: %v", object, err)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
