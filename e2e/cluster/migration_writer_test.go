package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// writers take queries through their lives, one after the other, as Ark's controller does, and try
// again what fails: through the freeze, the switch, and the time when nobody serves the API. They
// remember what was acknowledged.
type writers struct {
	client *rest.RESTClient
	cancel context.CancelFunc
	ended  sync.WaitGroup
	// done counts acknowledged writes, frozen those that the policy refused since the last one.
	done, frozen atomic.Int64
	paused       atomic.Bool

	mu sync.Mutex
	// acknowledged has the last phase of each query; "" for one that was deleted.
	acknowledged map[string]string
	lost         []string
	// last is the newest refusal.
	last error
}

const writerCount = 3

func (w *world) startWriters(t *testing.T) *writers {
	t.Helper()
	user, err := w.controller()
	if err != nil {
		t.Fatal(err)
	}
	client, err := component.RawClient(user)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ws := &writers{client: client, cancel: cancel, acknowledged: map[string]string{}}
	for n := range writerCount {
		ws.ended.Go(func() { ws.run(ctx, n) })
	}
	t.Cleanup(func() {
		cancel()
		ws.ended.Wait()
	})
	ws.requireProgress(t)
	return ws
}

func (ws *writers) run(ctx context.Context, writer int) {
	for n := 0; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("live-%d-%d", writer, n)
		at := "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + team(writer) + "/queries"
		body := fmt.Sprintf(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":%q,"labels":{"live":"yes"}},"spec":{"input":"Why?","selector":{"matchLabels":{"app":"any"}}}}`, name)
		ws.until(ctx, name, "new", func() error {
			err := ws.client.Post().AbsPath(at).Body([]byte(body)).Do(ctx).Error()
			if apierrors.IsAlreadyExists(err) {
				return nil // by a try whose answer did not come
			}
			return err
		})
		for _, phase := range []string{"running", "done"} {
			ws.until(ctx, name, phase, func() error {
				patch := fmt.Sprintf(`{"status":{"phase":%q}}`, phase)
				err := ws.client.Patch("application/merge-patch+json").AbsPath(at, name, "status").Body([]byte(patch)).Do(ctx).Error()
				ws.missed(err, name)
				return err
			})
		}
		if n%4 != 0 {
			continue
		}
		ws.until(ctx, name, "", func() error {
			err := ws.client.Delete().AbsPath(at, name).Do(ctx).Error()
			if isMissing(err, name) {
				return nil // by a try whose answer did not come
			}
			return err
		})
	}
}

// until tries until a write is acknowledged or the context ends. What a try did that was cut off
// then is unknown.
func (ws *writers) until(ctx context.Context, name, phase string, write func() error) {
	for ctx.Err() == nil {
		if ws.paused.Load() {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		err := write()
		if err == nil {
			ws.mu.Lock()
			ws.acknowledged[name] = phase
			ws.mu.Unlock()
			ws.frozen.Store(0)
			ws.done.Add(1)
			time.Sleep(20 * time.Millisecond) // a controller has other things to do too
			return
		}
		ws.mu.Lock()
		ws.last = err
		ws.mu.Unlock()
		if strings.Contains(err.Error(), "Ark is being moved") {
			ws.frozen.Add(1)
		}
		if ctx.Err() == nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
	if ctx.Err() != nil {
		ws.mu.Lock()
		ws.acknowledged[name] = "unknown"
		ws.mu.Unlock()
	}
}

// missed notes an object that was acknowledged and is not there.
func (ws *writers) missed(err error, name string) {
	if isMissing(err, name) {
		ws.mu.Lock()
		ws.lost = append(ws.lost, name)
		ws.mu.Unlock()
	}
}

// isMissing distinguishes a missing object from a missing API.
func isMissing(err error, name string) bool {
	var status apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &status) && strings.Contains(status.Status().Message, `"`+name+`"`)
}

// requireFrozen waits until every writer is refused by the policy.
func (ws *writers) requireFrozen(t *testing.T) {
	t.Helper()
	eventually(t, "the freeze", func() error {
		if n := ws.frozen.Load(); n < 10*writerCount {
			ws.mu.Lock()
			defer ws.mu.Unlock()
			return fmt.Errorf("%d refusals in a row after %d writes; the last: %v", n, ws.done.Load(), ws.last)
		}
		return nil
	})
}

// requireProgress waits until writes are acknowledged.
func (ws *writers) requireProgress(t *testing.T) {
	t.Helper()
	from := ws.done.Load()
	eventually(t, "writes", func() error {
		if n := ws.done.Load() - from; n < 60 {
			ws.mu.Lock()
			defer ws.mu.Unlock()
			return fmt.Errorf("%d writes; the last refusal: %v", n, ws.last)
		}
		return nil
	})
}

// pause stops the writers, or lets them go on.
func (ws *writers) pause(yes bool) { ws.paused.Store(yes) }

func (ws *writers) stop(t *testing.T) {
	t.Helper()
	ws.cancel()
	ws.ended.Wait()
	t.Logf("%d writes were acknowledged", ws.done.Load())
}

// requireNothingLost looks for what was acknowledged.
func (ws *writers) requireNothingLost(t *testing.T, w *world) {
	t.Helper()
	all := w.snapshot(t)
	if len(ws.lost) > 0 {
		t.Errorf("missing when they were to be changed: %v", ws.lost)
	}
	for name, phase := range ws.acknowledged {
		if phase == "unknown" {
			continue
		}
		var writer, n int
		if _, err := fmt.Sscanf(name, "live-%d-%d", &writer, &n); err != nil {
			t.Fatal(err)
		}
		o := all["/apis/ark.mckinsey.com/v1alpha1/namespaces/"+team(writer)+"/queries/"+name]
		got := ""
		if o != nil {
			status, _ := o["status"].(map[string]any)
			if got, _ = status["phase"].(string); got == "" {
				got = "new"
			}
		}
		if got != phase && !(phase == "new" && got == "pending") {
			t.Errorf("%s: acknowledged as %q, found as %q", name, phase, got)
		}
	}
}
