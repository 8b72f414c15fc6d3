package main

import (
	"context"
	"fmt"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	mebibyte = 1 << 20
	// metadataRoom is reserved for what the server adds to an object.
	metadataRoom = 16 << 10
	// writersOfLarge is the number of clients that create large objects concurrently.
	writersOfLarge = 4
)

// large creates objects of each size, on a separate server that accepts them, and prints the memory
// of the server after it has written and after it has listed them.
func large(ctx context.Context, storage string, objects int) error {
	if err := os.Setenv("ARK_MAX_OBJECT_SIZE", "16Mi"); err != nil {
		return fmt.Errorf("raise the limit of objects: %w", err)
	}
	for _, size := range []int{3 * mebibyte / 2, 8 * mebibyte, 15 * mebibyte} {
		err := onServer(ctx, storage, func(server *component.ArkServer) error { return largeOf(ctx, server, storage, objects, size) })
		if err != nil {
			return err
		}
	}
	return nil
}

func largeOf(ctx context.Context, server *component.ArkServer, storage string, objects, size int) error {
	client, err := component.RawClient(server.Config)
	if err != nil {
		return err
	}
	if err := query.EnsureNamespace(ctx, client, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	fmt.Printf("%s; %d queries of %.1f MiB, %d written at a time: %d MiB of JSON\n", storage, objects, float64(size)/mebibyte, writersOfLarge, objects*size/mebibyte)
	if err := report(server, "after the start"); err != nil {
		return err
	}
	spec := query.Spec(size - metadataRoom)
	s := measure.RunCount(ctx, writersOfLarge, objects/writersOfLarge, func(ctx context.Context, c, i int) error {
		return query.Create(ctx, client, namespace, fmt.Sprintf("query-%d-%d", c, i), spec)
	})
	if s.FirstError != nil {
		return s.FirstError
	}
	if err := report(server, "after writing them"); err != nil {
		return err
	}
	if err := settle(ctx, server); err != nil {
		return err
	}
	if err := report(server, "once idle"); err != nil {
		return err
	}
	if err := list(ctx, server, objects/writersOfLarge*writersOfLarge); err != nil {
		return err
	}
	if err := report(server, "after a list of all"); err != nil {
		return err
	}
	return nil
}
