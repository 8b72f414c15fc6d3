package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

// churn creates and deletes queries, twice, and prints the resident memory: directly after, and
// once the server has been idle for a while. The remainder is what the server keeps for watches,
// and what it has not returned to the operating system.
func churn(ctx context.Context, server *component.ArkServer, storage string, objects int, idle time.Duration) error {
	fmt.Printf("%s; %d queries made and deleted, twice\n", storage, objects)
	if err := report(server, "after the start"); err != nil {
		return err
	}
	for range 2 {
		if err := load(ctx, server.Config, objects); err != nil {
			return err
		}
		if err := remove(ctx, server.Config, objects); err != nil {
			return err
		}
		if err := report(server, "after deleting them"); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idle):
	}
	if err := report(server, fmt.Sprintf("after %s without a request", idle)); err != nil {
		return err
	}
	return nil
}

// remove deletes the objects that load has created, one by one.
func remove(ctx context.Context, config *rest.Config, objects int) error {
	client, err := component.RawClient(config)
	if err != nil {
		return err
	}
	s := measure.RunCount(ctx, loaders, (objects+loaders-1)/loaders, func(ctx context.Context, c, i int) error {
		n := i*loaders + c
		if n >= objects {
			return nil
		}
		path := fmt.Sprintf("/apis/ark.mckinsey.com/v1alpha1/namespaces/%s/queries/query-%06d", namespace, n)
		return client.Delete().AbsPath(path).Do(ctx).Error()
	})
	return s.FirstError
}
