package component

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"k8s.io/client-go/rest"
)

// AggregatedArk is a running ark-server in aggregated mode.
type AggregatedArk struct {
	*Process
	// Direct is a client of the server itself, without the aggregator and without credentials.
	Direct *rest.Config
}

// AggregatedOptions configure an ark-server in a cluster.
type AggregatedOptions struct {
	ArkOptions
	// Kubeconfig has the server's own account in the cluster.
	Kubeconfig string
	// Serving is the server's certificate. CA is the authority that signed it.
	Serving Pair
	CA      []byte
}

var arkServing = regexp.MustCompile(`serving     https://\S+:(\d+)\n`)

// StartAggregatedArk starts the server, which listens on loopback, and returns when it is ready.
func StartAggregatedArk(ctx context.Context, o AggregatedOptions) (*AggregatedArk, error) {
	path, err := ServerBinary()
	if err != nil {
		return nil, err
	}
	storage := []string{"--storage=sqlite", "--db-path=" + o.DB()}
	switch {
	case o.EtcdServers != "":
		storage = []string{"--storage=etcd", "--etcd-servers=" + o.EtcdServers}
	case o.Storage != nil:
		storage = o.Storage
	}
	args := append(slices.Clone(storage), "--mode=aggregated", "--kubeconfig="+o.Kubeconfig, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", o.Port),
		"--tls-cert-file="+o.Serving.CertFile, "--tls-private-key-file="+o.Serving.KeyFile)
	p, err := Start(Command{Path: path, Name: "ark-server", Args: append(args, o.Args...), Env: o.Env, Dir: o.Dir})
	if err != nil {
		return nil, err
	}
	found, err := p.WaitStdout(ctx, arkServing)
	if err != nil {
		p.Kill()
		return nil, err
	}
	return &AggregatedArk{Process: p, Direct: &rest.Config{
		Host: "https://127.0.0.1:" + found[1], TLSClientConfig: rest.TLSClientConfig{CAData: o.CA, ServerName: "localhost"},
	}}, nil
}
