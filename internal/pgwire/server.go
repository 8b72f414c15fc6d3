package pgwire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// maxConnections bounds the concurrent clients, and startTime how long authentication may take.
	maxConnections = 64
	startTime      = 15 * time.Second
	// maxRows bounds the rows of an answer.
	maxRows = 10_000
	// maxMessage bounds a message of a client.
	maxMessage = 1 << 20
)

// Backend runs SQLite statements for the holder of a token.
type Backend interface {
	// Run runs one statement. The database is a namespace, or "all". The error is a *Fault if the
	// client should receive details.
	Run(ctx context.Context, token, database, statement string, parameters map[string]any) (*Answer, error)
}

// Options configure a server.
type Options struct {
	Backend Backend
	Views   []View
	// Certificate returns the TLS certificate; nil for no TLS.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Log         *slog.Logger
}

// Server serves PostgreSQL's protocol.
type Server struct {
	o       Options
	catalog *catalog
	columns map[string]string

	mu       sync.Mutex
	open     map[*session]struct{}
	listener net.Listener
	closed   bool
	sessions sync.WaitGroup
}

// New returns a server.
func New(o Options) (*Server, error) {
	c, err := newCatalog(o.Views)
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, catalog: c, columns: map[string]string{}, open: map[*session]struct{}{}}
	for _, v := range o.Views {
		for _, column := range v.Columns {
			if typ, ok := s.columns[column.Name]; ok && typ != column.Type {
				s.columns[column.Name] = "" // the type depends on the view
				continue
			}
			s.columns[column.Name] = column.Type
		}
	}
	return s, nil
}

// Serve accepts clients until Close.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener = l
	if s.closed {
		_ = l.Close() // there were no clients
	}
	s.mu.Unlock()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			s.o.Log.Warn("cannot accept a client of the PostgreSQL endpoint", "err", err)
			time.Sleep(50 * time.Millisecond) // for errors such as too many open files
			continue
		}
		s.accept(conn)
	}
}

func (s *Server) accept(conn net.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &session{server: s, conn: conn, cancel: cancel, statements: map[string]*prepared{}, portals: map[string]*portal{}}
	key := make([]byte, 8)
	_, _ = rand.Read(key) // it never fails
	c.pid, c.secret = binary.BigEndian.Uint32(key)>>1, key[4:]
	s.mu.Lock()
	tooMany := len(s.open) >= maxConnections
	if s.closed {
		s.mu.Unlock()
		cancel()
		_ = conn.Close() // the client was not served
		return
	}
	s.open[c] = struct{}{}
	s.sessions.Add(1)
	s.mu.Unlock()
	go func() {
		defer func() {
			cancel()
			_ = conn.Close() // the client may be gone
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
			s.sessions.Done()
		}()
		c.serve(ctx, tooMany)
	}()
}

// Close closes all connections.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	if s.listener != nil {
		_ = s.listener.Close() // it may be closed already
	}
	for c := range s.open {
		c.cancel()
		_ = c.conn.Close() // the client may be gone
	}
	s.mu.Unlock()
	s.sessions.Wait()
	return s.catalog.db.Close()
}

// cancelRequest cancels the statement that runs on the connection with a key.
func (s *Server) cancelRequest(r *pgproto3.CancelRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		if c.pid == r.ProcessID && subtle.ConstantTimeCompare(c.secret, r.SecretKey) == 1 {
			c.interrupt()
		}
	}
}

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return !ok || t.IP.IsLoopback() // a Unix socket is on this machine
}
