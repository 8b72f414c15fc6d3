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

// Server is a server that has opened everything that it needs. Either Run or Close ends it.
type Server struct {
	// Summary names the storage in words.
	Summary string
	// Address is what the server listens on.
	Address string
	// URL is the address at which this machine reaches a standalone server.
	URL string
	// Users counts the users who have tokens; nil where no tokens are kept.
	Users func(context.Context) (int, error)
	// ChatAddress is where OpenAI's API is served without TLS, and BrokerAddress where the broker is
	// without authentication; "" for nowhere.
	ChatAddress, BrokerAddress string
	// PGAddress is where PostgreSQL's protocol is served; "" for nowhere.
	PGAddress string
	// Console says that the web console is served below URL.
	Console bool
	// Cluster is the URL of the kube-apiserver that an aggregated server is behind.
	Cluster string
	// Unprotected is the address at which every user and program of this machine can read and change
	// everything; "" where there is none.
	Unprotected string

	listener *connections.Listener
	data     *data
	api      api
}

// Start opens everything that serving needs, or closes again what it has opened.
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

// Close closes what does not run yet.
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
			debug.FreeOSMemory() // what the start leaves behind: an idle server would hold it for minutes
		}
		return nil
	})
	return running.Wait()
}

// listen opens the HTTPS port.
func listen(address string, limits connections.Limits) (*connections.Listener, error) {
	network := "tcp4" // Go would listen on IPv6, too, for 0.0.0.0
	if host, _, err := net.SplitHostPort(address); err == nil && strings.Contains(host, ":") {
		network = "tcp"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return connections.Limit(listener, limits), nil
}
