package sqltest

import (
	"bytes"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
)

// Proxy stands between a program and its database server, and meddles with the
// connection over which it sees a marker go.
type Proxy struct {
	lis    net.Listener
	target string
	ended  sync.WaitGroup

	// Held gets what sends on a chunk that the server has been kept from seeing, and
	// Answered a token when the server has answered it.
	Held     chan func() error
	Answered chan struct{}

	mu     sync.Mutex
	marker []byte
	act    Meddling
	conns  map[net.Conn]struct{}
}

// Meddling is what a Proxy does with a connection.
type Meddling int

const (
	Pass        Meddling = iota
	CutRequest           // drop the connections before the server has the marker
	CutReply             // drop the connection to the client before the server's next reply
	LoseReplies          // let the server carry on, and keep its replies from the client
	Hold                 // keep the marker from the server until told otherwise
)

// StartProxy starts a proxy before the server of a configuration, which then
// leads to the proxy. It ends with the test.
func StartProxy(t testing.TB, cfg *database.Config) *Proxy {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		lis: lis, target: net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)),
		conns: map[net.Conn]struct{}{},
		Held:  make(chan func() error, 1), Answered: make(chan struct{}, 1),
	}
	cfg.Port = lis.Addr().(*net.TCPAddr).Port
	p.ended.Go(p.serve)
	t.Cleanup(func() {
		lis.Close()
		p.Cut()
		p.ended.Wait()
	})
	return p
}

// Meddle does something once, when the next chunk with the marker comes.
func (p *Proxy) Meddle(act Meddling, marker string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.act, p.marker = act, []byte(marker)
}

// Cut drops all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

// Redirect leads new connections to another address.
func (p *Proxy) Redirect(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = address
}

// meddling returns what to do with a chunk, once.
func (p *Proxy) meddling(chunk []byte) Meddling {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.act == Pass || !bytes.Contains(chunk, p.marker) {
		return Pass
	}
	act := p.act
	p.act = Pass
	return act
}

func (p *Proxy) serve() {
	for {
		client, err := p.lis.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		l := &link{Proxy: p, client: client, server: server}
		p.ended.Go(l.requests)
		p.ended.Go(l.replies)
	}
}

type link struct {
	*Proxy
	client, server net.Conn
	// cut: what the server sends next is lost. kept: the client's last chunk has
	// been kept from it. lost: so is whatever the server says.
	cut, kept, lost atomic.Bool
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
		switch l.meddling(buf[:n]) {
		case Pass:
		case CutRequest:
			l.server.Close()
			return
		case CutReply:
			l.cut.Store(true)
		case LoseReplies:
			l.lost.Store(true)
		case Hold:
			chunk := bytes.Clone(buf[:n])
			l.kept.Store(true)
			l.Held <- func() error {
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
			l.Answered <- struct{}{}
			return
		}
		if l.lost.Load() {
			continue
		}
		if _, err := l.client.Write(buf[:n]); err != nil {
			return
		}
	}
}
