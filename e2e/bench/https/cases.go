package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

// planned is a case with a number of clients.
type planned struct {
	name    string
	clients int
	run     func(ctx context.Context, t *target, clients int, length time.Duration, name string) measure.Sample
}

func plan(o options) []planned {
	var all []planned
	for _, n := range o.clients {
		all = append(all, planned{"life", n, life})
	}
	list := func(client func(*target) *rest.RESTClient) func(context.Context, *target, int, time.Duration, string) measure.Sample {
		return func(ctx context.Context, t *target, clients int, length time.Duration, _ string) measure.Sample {
			return measure.Run(ctx, clients, length, func(ctx context.Context, _, _ int) error {
				n, _, err := query.List(ctx, client(t), listNamespace, 0)
				if err == nil && n != t.objects {
					err = fmt.Errorf("list: got %d queries, want %d", n, t.objects)
				}
				return err
			})
		}
	}
	return append(all,
		// client-go accepts gzip unless that is disabled; Kubernetes compresses answers larger than 128
		// KiB.
		planned{"list-gzip", 1, list(func(t *target) *rest.RESTClient { return t.client(0) })},
		planned{"list-plain", 1, list(func(t *target) *rest.RESTClient { return t.plain })},
	)
}

// life counts each write separately.
func life(ctx context.Context, t *target, clients int, length time.Duration, name string) measure.Sample {
	conns, closeAll, err := t.dial(ctx)
	if err != nil {
		return measure.Sample{Failed: 1, FirstError: fmt.Errorf("connect: %w", err)}
	}
	defer closeAll()
	lives := make([]*query.Life, clients)
	for c := range lives {
		lives[c] = query.NewLife(conns[c%len(conns)], lifeNamespace, inputSize, answerSize)
	}
	return measure.RunGroups(ctx, clients, length, query.Steps, func(ctx context.Context, c, i int) error {
		return lives[c].Step(ctx, i%query.Steps, fmt.Sprintf("query-%s-%d-%d", name, c, i/query.Steps))
	})
}
