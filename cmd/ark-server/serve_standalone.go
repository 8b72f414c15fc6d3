package main

import (
	"context"
	"io"
	"net"

	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/standalone"
)

// server is an assembled server of either mode.
type server interface {
	// Run serves until the context ends and everything in flight is drained.
	Run(ctx context.Context) error
	// WaitReady returns nil once the server is ready, or the context's error.
	WaitReady(ctx context.Context) error
	// generic is the API server underneath.
	generic() *genericapiserver.GenericAPIServer
	// announce prints the start-up lines.
	announce(out io.Writer, storage string)
}

func newServer(ctx context.Context, o *options, listener net.Listener, data *storage) (server, error) {
	if o.mode == modeAggregated {
		return newClusterServer(ctx, o, listener, data)
	}
	modelURLs, err := o.modelURLs.policy()
	if err != nil {
		return nil, err
	}
	s, err := standalone.New(standalone.Options{
		Listener:   listener,
		Names:      o.tlsSANs,
		KeysDir:    o.keys(),
		Kubeconfig: o.kubeconfig(),
		Name:       o.serverName(),
		Tune: func(common *assembly.Options) {
			common.ModelURLs, common.TracingFile, common.Findings = modelURLs, o.tracingFile, data.findings
			common.MaxObjectBytes, common.MaxObjectAdvice = int(o.maxObjectSize), o.objectSizeAdvice()
		},
	}, data)
	if err != nil {
		return nil, withStandaloneFlag(err)
	}
	return standaloneServer{s, o}, nil
}

type standaloneServer struct {
	*standalone.Server
	options *options
}

func (s standaloneServer) generic() *genericapiserver.GenericAPIServer { return s.Generic }

func (s standaloneServer) announce(out io.Writer, storage string) {
	announce(out, s.options, s.URL, storage)
}
