package component

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy forwards TCP connections to a target, and can cut, stall and refuse them. It simulates the
// network between a server and its database.
type Proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	links   map[net.Conn]net.Conn
	refuse  atomic.Bool
	stalled atomic.Bool
	running sync.WaitGroup
}

// StartProxy listens on a free loopback port. Close stops it.
func StartProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy: %w", err)
	}
	p := &Proxy{listener: l, target: target, links: map[net.Conn]net.Conn{}}
	p.running.Go(p.accept)
	return p, nil
}

// Port returns the port on which the proxy listens.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Cut resets every connection immediately, even in the middle of a message.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for client, server := range p.links {
		// Do not wait for unsent data.
		_ = client.(*net.TCPConn).SetLinger(0)
		_ = client.Close()
		_ = server.Close()
	}
}

// Refuse closes new connections at once while it is on.
func (p *Proxy) Refuse(on bool) { p.refuse.Store(on) }

// Stall stops forwarding while it is on. Connections stay open, as on a network that drops packets.
func (p *Proxy) Stall(on bool) { p.stalled.Store(on) }

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.Stall(false)
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		if p.refuse.Load() {
			_ = client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.links[client] = server
		p.mu.Unlock()
		p.running.Go(func() {
			var both sync.WaitGroup
			both.Go(func() { p.copy(server, client) })
			both.Go(func() { p.copy(client, server) })
			both.Wait()
			p.mu.Lock()
			delete(p.links, client)
			p.mu.Unlock()
		})
	}
}

// copy forwards one direction until either end is closed, then closes both.
func (p *Proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		for p.stalled.Load() {
			time.Sleep(5 * time.Millisecond)
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil && !errors.Is(err, io.EOF) || n == 0 && err != nil {
			return
		}
	}
}
