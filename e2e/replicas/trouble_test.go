package replicas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// trouble is a fault, which is repaired before the function returns.
type trouble struct {
	name string
	do   func(context.Context, *cluster, *rand.Rand) error
}

var (
	killReplica = trouble{"a replica is killed and started again", func(_ context.Context, c *cluster, r *rand.Rand) error {
		return c.any(r).kill()
	}}
	cutConnections = trouble{"a replica's connections are cut", func(_ context.Context, c *cluster, r *rand.Rand) error {
		c.any(r).proxy.Cut()
		return nil
	}}
	loseDatabase = trouble{"a replica cannot reach the database", func(ctx context.Context, c *cluster, r *rand.Rand) error {
		p := c.any(r).proxy
		p.Refuse(true)
		p.Cut()
		wait(ctx, r, 2*time.Second)
		p.Refuse(false)
		return nil
	}}
	stallDatabase = trouble{"a replica's packets to the database get lost", func(ctx context.Context, c *cluster, r *rand.Rand) error {
		p := c.any(r).proxy
		p.Stall(true)
		wait(ctx, r, 5*time.Second)
		p.Stall(false)
		return nil
	}}
	pauseReplica = trouble{"a replica is paused", func(ctx context.Context, c *cluster, r *rand.Rand) error {
		p := c.any(r).process
		p.Signal(syscall.SIGSTOP)
		wait(ctx, r, 4*time.Second)
		p.Signal(syscall.SIGCONT)
		return nil
	}}
	restartDatabase = trouble{"the database is restarted", func(ctx context.Context, c *cluster, r *rand.Rand) error {
		if err := c.server.Halt(); err != nil {
			return err
		}
		wait(ctx, r, time.Second)
		return c.server.Restart(ctx)
	}}
	killDatabase = trouble{"the database is killed and started again", func(ctx context.Context, c *cluster, r *rand.Rand) error {
		c.server.Kill()
		wait(ctx, r, time.Second)
		return c.server.Restart(ctx)
	}}
	holdSnapshot = trouble{"somebody's transaction keeps an old snapshot", func(ctx context.Context, c *cluster, r *rand.Rand) error {
		return c.place.Hold(ctx, engine.OldSnapshot, between(r, 3*time.Second))
	}}
	holdCounter = trouble{"somebody's transaction holds the counter", func(ctx context.Context, c *cluster, r *rand.Rand) error {
		return c.place.Hold(ctx, engine.Counter, between(r, 2*time.Second))
	}}
)

func (c *cluster) any(r *rand.Rand) *replica { return c.replicas[r.IntN(len(c.replicas))] }

func between(r *rand.Rand, most time.Duration) time.Duration {
	return most/4 + time.Duration(r.Int64N(int64(most*3/4)))
}

func wait(ctx context.Context, r *rand.Rand, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(between(r, most)):
	}
}

// plague injects faults of the given kinds, one after the other, until ctx ends.
func (c *cluster) plague(ctx context.Context, r *rand.Rand, kinds []trouble) error {
	for n := 0; len(kinds) > 0; n++ {
		wait(ctx, r, 2*time.Second)
		if ctx.Err() != nil {
			break
		}
		// Each kind occurs before any kind is repeated.
		kind := kinds[n%len(kinds)]
		c.t.Log(kind.name)
		// A fault that has begun is always repaired.
		if err := kind.do(context.WithoutCancel(ctx), c, r); err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	return nil
}
