package postgres

import (
	"bytes"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
)

// proxy stands between an engine and its server, and meddles with the connection
// over which it sees a marker go.
type proxy struct {
	lis    net.Listener
	target string
	ended  sync.WaitGroup

	mu     sync.Mutex
	marker []byte
	act    action
	conns  map[net.Conn]struct{}
	// held gets what sends on a chunk that the server has been kept from seeing, and
	// answered a token when the server has answered it.
	held     chan func() error
	answered chan struct{}
}

type action int

const (
	pass       action = iota
	cutRequest        // drop the connections before the server has the marker
	cutReply          // drop the connection to the client before the server's next reply
	hold              // keep the marker from the server until told otherwise
)

func startProxy(t *testing.T, cfg *database.Config) *proxy {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{lis: lis, target: net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)), conns: map[net.Conn]struct{}{}, held: make(chan func() error, 1), answered: make(chan struct{}, 1)}
	cfg.Port = lis.Addr().(*net.TCPAddr).Port
	p.ended.Go(p.serve)
	t.Cleanup(func() {
		lis.Close()
		p.mu.Lock()
		for c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.ended.Wait()
	})
	return p
}

func (p *proxy) set(a action, marker string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.act, p.marker = a, []byte(marker)
}

// meddle returns what to do with a chunk, once.
func (p *proxy) meddle(chunk []byte) action {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.act == pass || !bytes.Contains(chunk, p.marker) {
		return pass
	}
	a := p.act
	p.act = pass
	return a
}

func (p *proxy) serve() {
	for {
		client, err := p.lis.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		l := &link{proxy: p, client: client, server: server}
		p.ended.Go(l.requests)
		p.ended.Go(l.replies)
	}
}

type link struct {
	*proxy
	client, server net.Conn
	// cut: what the server sends next is lost. kept: the client's last chunk has
	// been kept from it.
	cut, kept atomic.Bool
}

func (l *link) requests() {
	defer l.client.Close()
	buf := make([]byte, 1<<20)
	for {
		n, err := l.client.Read(buf)
		if err != nil {
			if !l.kept.Load() {
				l.server.Close()
			}
			return
		}
		switch l.meddle(buf[:n]) {
		case cutRequest:
			l.server.Close()
			return
		case cutReply:
			l.cut.Store(true)
		case hold:
			chunk := bytes.Clone(buf[:n])
			l.kept.Store(true)
			l.held <- func() error {
				_, err := l.server.Write(chunk)
				return err
			}
			continue
		}
		if l.kept.Load() {
			continue // such as a request to close
		}
		if _, err := l.server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *link) replies() {
	defer l.client.Close()
	defer l.server.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := l.server.Read(buf)
		if err != nil || l.cut.Load() {
			return
		}
		if l.kept.Load() {
			l.answered <- struct{}{}
			return
		}
		if _, err := l.client.Write(buf[:n]); err != nil {
			return
		}
	}
}
