package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// inPlace calls do with the options of a server in a separate folder, on an empty database. Both
// are removed when the call returns.
func inPlace(ctx context.Context, storage string, do func(component.ArkOptions) error) (err error) {
	dir, err := os.MkdirTemp("", "ark-bench-memory-")
	if err != nil {
		return fmt.Errorf("make a folder for the database: %w", err)
	}
	defer os.RemoveAll(dir)
	place, stopDatabase, err := engine.Serve(ctx, storage, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopDatabase()) }()
	return do(component.ArkOptions{Dir: dir, Storage: place.Flags()})
}

// onServer calls do with a server that has been started in place, and stops it.
func onServer(ctx context.Context, storage string, do func(*component.ArkServer) error) error {
	return inPlace(ctx, storage, func(o component.ArkOptions) error {
		server, err := component.StartArk(ctx, o)
		if err != nil {
			return err
		}
		defer server.Kill()
		if err := do(server); err != nil {
			return err
		}
		return server.Stop()
	})
}
