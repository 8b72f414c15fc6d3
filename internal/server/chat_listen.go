package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/a2a"
	"github.com/mckinsey/ark-server/internal/chat"
	"github.com/mckinsey/ark-server/internal/stream"
)

// chatting is an API server with the listeners of chat.
type chatting struct {
	api
	talk      *talk
	listeners map[net.Listener]http.Handler
}

// withChat adds listeners to an API server, and closes them if it fails.
func withChat(to api, t *talk, s *Server) (_ api, err error) {
	c := &chatting{api: to, talk: t, listeners: map[net.Listener]http.Handler{}}
	defer func() {
		if err != nil {
			to.generic().Destroy()
			err = errors.Join(err, c.close())
		}
	}()
	if t.options.Listen != "" {
		if s.ChatAddress, err = c.listen(t.options.Listen, t.plain()); err != nil {
			return nil, about(SettingChatAddress, err)
		}
	}
	if t.options.BrokerListen != "" {
		if s.BrokerAddress, err = c.listen(t.options.BrokerListen, t.open()); err != nil {
			return nil, about(SettingBrokerAddress, err)
		}
		if t.outside != nil && t.outside.broker == "" {
			t.outside.broker = "http://" + reachable(s.BrokerAddress)
		}
		if t.pointer != nil {
			t.pointer.broker = t.outside.broker
		}
	}
	return c, nil
}

func (c *chatting) listen(address string, handler http.Handler) (string, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	c.listeners[listener] = handler
	return listener.Addr().String(), nil
}

func (c *chatting) close() error {
	var errs []error
	for listener := range c.listeners {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}

// plain serves OpenAI's API, MCP and the A2A protocol without TLS, through all filters of the
// server.
func (t *talk) plain() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !chat.Owns(r.URL.Path) && !chat.OwnsMCP(r.URL.Path) && !a2a.Owns(r.URL.Path) {
			http.Error(w, "only /v1, /mcp and /a2a are served here: use the HTTPS port for the rest", http.StatusNotFound)
			return
		}
		t.whole.ServeHTTP(w, r)
	})
}

// open serves the broker without authentication, as Ark's engines use it.
func (t *talk) open() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" || r.URL.Path == "/readyz" {
			stream.Answer(w, http.StatusOK, map[string]string{"status": "ok"})
			return
		}
		at, ok := stream.PlaceOf(r.URL.Path)
		if !ok {
			if at, ok = stream.PlaceOfHost(r.Host, r.URL.Path); !ok {
				stream.Refuse(w, http.StatusBadRequest, "NO_NAMESPACE", "the namespace is not known: use the path /namespaces/NAMESPACE/..., or the name SERVICE.NAMESPACE of a Service as the host")
				return
			}
		}
		t.serveBroker(w, r, at, queries{t.system})
	})
}

const (
	// headerTime is how long a client without TLS may take for the header of a request, and idleTime
	// how long it may keep an idle connection. stopTime is how long requests may take to end when the
	// server stops.
	headerTime = 20 * time.Second
	idleTime   = 2 * time.Minute
	stopTime   = 5 * time.Second
)

// Run serves until the context ends.
func (c *chatting) Run(ctx context.Context) error {
	unregister := context.AfterFunc(ctx, func() {
		c.talk.chat.Close()
		c.talk.agents.Close()
		c.talk.broker.Close()
	})
	defer unregister()
	var running errgroup.Group
	background, stop := context.WithCancel(ctx)
	running.Go(func() error { c.talk.sweep(background); return nil })
	if c.talk.pointer != nil {
		running.Go(func() error {
			if c.WaitReady(background) == nil {
				c.talk.pointer.run(background)
			}
			return nil
		})
	}
	for listener, handler := range c.listeners {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
		running.Go(func() error {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		running.Go(func() error {
			<-background.Done()
			ending, done := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
			defer done()
			if server.Shutdown(ending) != nil {
				return server.Close()
			}
			return nil
		})
	}
	err := c.api.Run(ctx)
	stop()
	return errors.Join(err, running.Wait())
}
