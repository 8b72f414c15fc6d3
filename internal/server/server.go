package server

import (
	"context"
	"errors"
	"net"
	"runtime/debug"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/connections"
)

// Server is a server that has opened all its resources. Either Run or Close releases them.
type Server struct {
	// Summary describes the storage for people.
	Summary string
	// Address is the address on which the server listens.
	Address string
	// URL is the address at which this machine reaches a standalone server.
	URL string
	// Users counts the users that have tokens; nil if no tokens are stored.
	Users func(context.Context) (int, error)
	// ChatAddress is the address of OpenAI's API without TLS, and BrokerAddress that of the broker
	// without authentication; "" for none.
	ChatAddress, BrokerAddress string
	// PGAddress is the address of PostgreSQL's protocol; "" for none.
	PGAddress string
	// Console is true if the web console is served below URL.
	Console bool
	// Cluster is the URL of the kube-apiserver in front of an aggregated server.
	Cluster string
	// Unprotected is the address at which every user and program of this machine can read and change
	// everything; "" if there is none.
	Unprotected string

	listener *connections.Listener
	data     *data
	api      api
}

// Start opens everything that serving needs. If it fails, it closes what it has opened.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	s := &Server{}
	defer func() {
		if err == nil {
			return
		}
		if closing := s.Close(); closing != nil {
			err = errors.Join(err, closing)
		}
	}()
	if s.listener, err = listen(o.Address, o.Limits); err != nil {
		return nil, about(SettingAddress, err)
	}
	s.Address = s.listener.Addr().String()
	if err := checkTracing(o.TracingFile); err != nil {
		return nil, about(SettingTracing, err)
	}
	if s.data, err = open(ctx, o); err != nil {
		return nil, err
	}
	s.Summary, s.Unprotected = s.data.summary, s.data.unprotected
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if s.api, err = o.Mode.assemble(ctx, o, s.listener, s.data, s); err != nil {
		return nil, err
	}
	if o.PGListen != "" {
		wrapped, err := withPostgres(s.api, o.PGListen, s)
		if err != nil {
			s.api = nil // it has been destroyed
			return nil, err
		}
		s.api = wrapped
	}
	if s.data.announce != nil {
		s.data.announce(headTeller(s.api.generic().AuditBackend))
	}
	operate(s.api.generic(), s.listener, s.data, o)
	return s, nil
}

// Close closes a server that has not been run.
func (s *Server) Close() error {
	var errs []error
	if s.api != nil {
		s.api.generic().Destroy()
		if closer, ok := s.api.(interface{ close() error }); ok {
			errs = append(errs, closer.close())
		}
	}
	if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	if s.data != nil {
		errs = append(errs, s.data.Close())
	}
	return errors.Join(errs...)
}

// Run serves until the context ends or the server fails, and returns once everything is closed. It
// calls ready once the server is ready.
func (s *Server) Run(ctx context.Context, ready func()) error {
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error {
		// Closing the storage ends data.etcd below.
		return errors.Join(s.api.Run(ctx), s.data.Close())
	})
	running.Go(s.data.etcd)
	running.Go(func() error {
		if s.api.WaitReady(ctx) == nil {
			ready()
			debug.FreeOSMemory() // frees the memory of the start, which an idle server would otherwise hold for minutes
		}
		return nil
	})
	return running.Wait()
}

// listen opens the HTTPS port.
func listen(address string, limits connections.Limits) (*connections.Listener, error) {
	network := "tcp4" // for 0.0.0.0, Go would also listen on IPv6
	if host, _, err := net.SplitHostPort(address); err == nil && strings.Contains(host, ":") {
		network = "tcp"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return connections.Limit(listener, limits), nil
}
