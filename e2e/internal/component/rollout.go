package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Rollout keeps replicas of ark-server in service and replaces them, as a Deployment, the kubelet
// and the endpoint controller do. A new replica is ready before an old one is stopped, and a
// replica that reports that it is no longer ready receives no further requests. It is not safe for
// concurrent use.
type Rollout struct {
	hosting  *Hosting
	options  ArkOptions
	replicas []*AggregatedArk // oldest first
	ports    map[*AggregatedArk]int
	started  int
}

// NewRollout starts replicas and puts them into service. Each has a folder in the options' Dir.
func NewRollout(ctx context.Context, h *Hosting, n int, options ArkOptions) (*Rollout, error) {
	r := &Rollout{hosting: h, options: options, ports: map[*AggregatedArk]int{}}
	for range n {
		if err := r.add(ctx); err != nil {
			return nil, errors.Join(err, r.Stop())
		}
	}
	return r, nil
}

// Replicas returns the replicas that are in service.
func (r *Rollout) Replicas() []*AggregatedArk { return r.replicas }

func (r *Rollout) add(ctx context.Context) error {
	port, err := FreePort()
	if err != nil {
		return err
	}
	r.started++
	o := r.options
	o.Port = port
	o.Dir = filepath.Join(r.options.Dir, fmt.Sprintf("replica-%d", r.started))
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("make a replica's folder: %w", err)
	}
	ark, err := StartAggregatedArk(ctx, r.hosting.Options(o))
	if err != nil {
		return err
	}
	r.replicas = append(r.replicas, ark)
	r.ports[ark] = port
	if err := ark.waitReady(ctx, func(ctx context.Context) error { return ready(ctx, ark.Direct) }); err != nil {
		return err
	}
	return r.hosting.SetReady(ctx, port, true)
}

// Replace starts a replica, and stops the oldest one when the new one is in service. It returns an
// error if the old one does not end by itself with exit code 0.
func (r *Rollout) Replace(ctx context.Context) error {
	if err := r.add(ctx); err != nil {
		return err
	}
	old := r.replicas[0]
	old.Signal(syscall.SIGTERM)
	for ready(ctx, old.Direct) == nil {
		if err := pause(ctx, readinessPeriod); err != nil {
			return old.explain(fmt.Errorf("wait for the replica to turn unready: %w", err))
		}
	}
	if err := r.hosting.SetReady(ctx, r.ports[old], false); err != nil {
		return err
	}
	select {
	case <-old.Done():
	case <-ctx.Done():
		return old.explain(fmt.Errorf("wait for the replica to end: %w", ctx.Err()))
	}
	r.replicas = r.replicas[1:]
	if code := old.ExitCode(); code != 0 {
		return old.explain(fmt.Errorf("the replica ended with code %d", code))
	}
	return nil
}

// readinessPeriod is the interval at which the readiness of a stopping replica is checked.
const readinessPeriod = 200 * time.Millisecond

// Stop ends all replicas.
func (r *Rollout) Stop() error {
	var errs []error
	for _, ark := range r.replicas {
		ark.Signal(syscall.SIGTERM) // All at once: each takes some time.
	}
	for _, ark := range r.replicas {
		select {
		case <-ark.Done():
		case <-time.After(stopGrace + shutdownDelay):
			ark.Kill()
			errs = append(errs, errors.New("stop a replica: still running, killed"))
		}
	}
	r.replicas = nil
	return errors.Join(errs...)
}

// shutdownDelay limits how long a replica waits by default before it begins to stop, and how long
// it waits for its watchers.
const shutdownDelay = 20 * time.Second

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
