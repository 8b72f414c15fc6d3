package connections

import (
	"container/list"
	"net"
	"sync"
	"time"
)

// Limits bound the connections of a Listener; 0 is no bound.
type Limits struct {
	// Max is how many connections there may be in all, without exempt ones.
	Max int
	// PerAddress is how many unproven ones there may be from one IP address.
	PerAddress int
	// FirstRequest is how long a connection may take from its beginning until the header of a request
	// has come, TLS included.
	FirstRequest time.Duration
}

// reserve is how many connections more than Max are taken in, for as long as it takes to see
// whether they are exempt.
const reserve = 64

// Reason says why a connection was closed or a request refused.
type Reason string

const (
	// TooMany: there were Max connections.
	TooMany Reason = "total"
	// TooManyOfAddress: there were PerAddress unproven ones from its address.
	TooManyOfAddress Reason = "address"
	// TooSlow: no request had come in time.
	TooSlow Reason = "silent"
	// TooManyRequests: there were too many requests on the connection.
	TooManyRequests Reason = "requests"
)

// Reasons are all there are.
var Reasons = []Reason{TooMany, TooManyOfAddress, TooSlow, TooManyRequests}

// Listener is a net.Listener whose connections are bounded. It is safe for concurrent use.
type Listener struct {
	net.Listener
	limits Limits

	mu       sync.Mutex
	open     int // without exempt ones
	exempt   int
	unproven list.List             // of *Conn, oldest first
	of       map[string]*list.List // unproven ones by address, oldest first
	refused  map[Reason]int64
}

// Limit bounds the connections of l.
func Limit(l net.Listener, limits Limits) *Listener {
	return &Listener{Listener: l, limits: limits, of: map[string]*list.List{}, refused: map[Reason]int64{}}
}

// Stats says how many connections there are, and how many were closed or requests refused since the
// beginning.
type Stats struct {
	Unproven, Proven, Exempt int
	Refused                  map[Reason]int64
}

// Stats returns the numbers at one moment.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Unproven: l.unproven.Len(), Proven: l.open - l.unproven.Len(), Exempt: l.exempt, Refused: map[Reason]int64{}}
	for _, r := range Reasons {
		s.Refused[r] = l.refused[r]
	}
	return s
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.admit(raw); c != nil {
			return c, nil
		}
		_ = raw.Close() // a refusal at this point has no words
	}
}

// admit takes a connection in, perhaps in the place of another one, or returns nil.
func (l *Listener) admit(raw net.Conn) *Conn {
	c := &Conn{Conn: raw, listener: l, address: hostOf(raw.RemoteAddr())}
	var gone *Conn
	l.mu.Lock()
	if of := l.of[c.address]; of != nil && l.limits.PerAddress > 0 && of.Len() >= l.limits.PerAddress {
		gone = of.Front().Value.(*Conn)
		l.drop(gone, TooManyOfAddress)
	} else if l.limits.Max > 0 && l.open >= l.limits.Max {
		switch {
		case l.unproven.Len() > reserve:
			gone = l.unproven.Front().Value.(*Conn)
			l.drop(gone, TooMany)
		case l.open < l.limits.Max+reserve:
			c.reserved = true
		default:
			l.refused[TooMany]++
			l.mu.Unlock()
			return nil
		}
	}
	l.open++
	l.addUnproven(c)
	if l.limits.FirstRequest > 0 {
		c.silence = time.AfterFunc(l.limits.FirstRequest, c.expire)
	}
	l.mu.Unlock()
	if gone != nil {
		_ = gone.Conn.Close() // it has been given up
	}
	return c
}

// drop forgets a connection that is about to be closed for a reason. The caller holds mu.
func (l *Listener) drop(c *Conn, why Reason) {
	l.refused[why]++
	l.forget(c)
}

// forget takes a connection out of the books. The caller holds mu.
func (l *Listener) forget(c *Conn) {
	switch c.state {
	case forgotten:
		return
	case exempt:
		l.exempt--
	case unproven:
		l.removeUnproven(c)
		l.open--
	case proven:
		l.open--
	}
	c.state = forgotten
	if c.silence != nil {
		c.silence.Stop()
	}
}

func (l *Listener) addUnproven(c *Conn) {
	c.among = l.unproven.PushBack(c)
	of := l.of[c.address]
	if of == nil {
		of = list.New()
		l.of[c.address] = of
	}
	c.amongOfAddress = of.PushBack(c)
}

func (l *Listener) removeUnproven(c *Conn) {
	l.unproven.Remove(c.among)
	of := l.of[c.address]
	of.Remove(c.amongOfAddress)
	if of.Len() == 0 {
		delete(l.of, c.address)
	}
	c.among, c.amongOfAddress = nil, nil
}

// hostOf is what counts as one client. An IPv6 address counts with its /64 network, which is what
// one customer has.
func hostOf(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String()
	}
	if tcp.IP.To4() == nil {
		return tcp.IP.Mask(net.CIDRMask(64, 128)).String()
	}
	return tcp.IP.String()
}
