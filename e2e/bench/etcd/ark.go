package main

import (
	"context"
	"errors"

	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

const serveCommand = "serve-ark-endpoint"

func serve(args []string) error { return errors.New("TODO") }

func startArkEndpoint(ctx context.Context, dir string) (*component.Endpoint, error) {
	return nil, errors.New("TODO")
}

func openArkDirect(ctx context.Context, dir string) ([]*kubernetes.Client, func(), error) {
	return nil, nil, errors.New("TODO")
}
