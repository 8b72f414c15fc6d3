package connections

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

type state uint8

const (
	unproven state = iota
	proven
	exempt
	forgotten
)

// Conn is one connection of a Listener.
type Conn struct {
	net.Conn
	listener *Listener
	address  string
	silence  *time.Timer
	requests atomic.Int64
	spoke    atomic.Bool

	// Guarded by listener.mu:
	state                 state
	reserved              bool // taken in beyond Limits.Max
	among, amongOfAddress *list.Element
}

// Of returns the connection that a request came over; nil if it is none of a Listener's.
func Of(ctx context.Context) *Conn {
	if a, ok := ctx.Value(http.LocalAddrContextKey).(address); ok {
		return a.conn
	}
	return nil
}

// address is a local address that leads to its connection.
type address struct {
	net.Addr
	conn *Conn
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return address{c.Conn.LocalAddr(), c} }

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.listener.mu.Lock()
	c.listener.forget(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// expire closes a connection on which no request has come.
func (c *Conn) expire() {
	c.listener.mu.Lock()
	late := !c.spoke.Load() && c.state == unproven
	if late {
		c.listener.drop(c, TooSlow)
	}
	c.listener.mu.Unlock()
	if late {
		_ = c.Conn.Close() // it has been given up
	}
}

// Begin notes that a request has come, and returns how many are under way with it and whether it is
// the first on the connection. End must follow.
func (c *Conn) Begin() (n int64, first bool) {
	if !c.spoke.Swap(true) {
		first = true
		if c.silence != nil {
			c.silence.Stop()
		}
	}
	return c.requests.Add(1), first
}

// End notes that a request has been answered.
func (c *Conn) End() { c.requests.Add(-1) }

// Prove notes that a request has named a user.
func (c *Conn) Prove() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if c.state == unproven {
		c.listener.removeUnproven(c)
		c.state = proven
	}
}

// Exempt takes the connection out of all bounds.
func (c *Conn) Exempt() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	switch c.state {
	case unproven:
		c.listener.removeUnproven(c)
	case proven:
	default:
		return
	}
	c.state, c.reserved = exempt, false
	c.listener.open--
	c.listener.exempt++
}

// Exempted reports whether the connection is out of all bounds.
func (c *Conn) Exempted() bool {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	return c.state == exempt
}

// Surplus reports whether the connection was taken in beyond the bound, only to see whether it is
// exempt, and is not. It counts as refused then, and the caller ends it.
func (c *Conn) Surplus() bool {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	if c.reserved {
		c.listener.refused[TooMany]++
	}
	return c.reserved
}

// Refuse counts a request that was refused because there were too many on the connection.
func (c *Conn) Refuse() {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.listener.refused[TooManyRequests]++
}
