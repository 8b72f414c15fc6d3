package contract

import (
	"context"
	"fmt"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// startRolling starts two replicas on PostgreSQL behind the aggregator of a control plane, and
// replaces one after the other until the test ends. A third one, out of service, is the window on
// the storage.
func startRolling(t *testing.T, y *system, dir string) *server {
	t.Helper()
	hosting := newHosting(t, dir)
	_, place := engine.Start(t, engine.PostgreSQL)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	options := component.ArkOptions{Dir: t.TempDir(), Storage: place.Flags()}
	window := options
	log := recordAudit(t, &options)
	rollout, err := component.NewRollout(ctx, hosting, 2, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := hosting.WaitServed(ctx); err != nil {
		t.Fatal(err)
	}
	window.Dir = t.TempDir()
	etcd := embedded(t, &window)
	behind := startBehind(t, hosting, window)
	if behind.AggregatedArk, err = component.StartAggregatedArk(ctx, behind.options); err != nil {
		t.Fatal(err)
	}

	c := hosting.Cluster
	s := newServer(t, y, c.Config)
	log.behind = true
	s.kubeconfig, s.audits = c.Kubeconfig, []auditLog{{path: c.AuditLog, forwards: true}, log}
	s.behind, s.etcd = behind.direct(t, y), etcd
	replaced, rolled, stop := 0, make(chan error, 1), make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				rolled <- nil
				return
			default:
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			err := rollout.Replace(ctx)
			cancel()
			if err != nil {
				rolled <- fmt.Errorf("replace a replica: %w", err)
				return
			}
			replaced++
		}
	}()
	t.Cleanup(func() {
		close(stop)
		if err := <-rolled; err != nil {
			t.Error(err)
		}
		t.Logf("%d replicas were replaced; %d requests were told to come again, %d watches resumed", replaced, s.told.Load(), s.resumed.Load())
		if err := rollout.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}
