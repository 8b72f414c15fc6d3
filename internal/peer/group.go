package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Notice is how long it takes at most until everybody has noticed that a replica is gone: the times
// below, and what a busy machine adds.
const Notice = 10 * time.Second

const (
	// leaseTime is how long a member stays one without a renewal, and renewEvery how often it renews.
	leaseTime  = 8 * time.Second
	renewEvery = 2 * time.Second
	// refreshEvery is how often the members are looked up in memory.
	refreshEvery = 200 * time.Millisecond
	// connectTime bounds dialing and the TLS handshake, each; a connection without a word for
	// pingAfter is pinged, and closed where the answer takes longer than pingTime.
	connectTime = 3 * time.Second
	pingAfter   = 2 * time.Second
	pingTime    = 4 * time.Second
	// stopTime is how long handlers have to end when a replica leaves.
	stopTime = 2 * time.Second
	// streamBuffer is how much of a stream is received before it is read, and maxStreams how many a
	// connection takes.
	streamBuffer = 64 << 10
	maxStreams   = 1 << 16
)

func http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		SendPingTimeout: pingAfter, PingTimeout: pingTime, MaxConcurrentStreams: maxStreams,
		MaxReceiveBufferPerStream: streamBuffer, MaxReceiveBufferPerConnection: 64 << 20,
	}
}

// Store is what a Group needs of an mvcc.Store.
type Store interface {
	LeaseGrant(ctx context.Context, id mvcc.LeaseID, ttl int64) (mvcc.Lease, error)
	LeaseKeepAlive(ctx context.Context, id mvcc.LeaseID) (mvcc.Lease, error)
	LeaseRevoke(ctx context.Context, id mvcc.LeaseID, a mvcc.Actor) (int64, error)
	Txn(ctx context.Context, t *mvcc.Txn, a mvcc.Actor) (*mvcc.TxnResult, error)
	Range(ctx context.Context, r *mvcc.Range) (*mvcc.RangeResult, error)
	Lease(id mvcc.LeaseID, keys bool) (mvcc.Lease, error)
	// Now is the clock that deadlines of leases go by.
	Now() time.Time
}

// Options of a Group.
type Options struct {
	Store Store
	// Listener is where the others call; the Group closes it. Nil for a replica that is alone: it
	// joins nothing.
	Listener net.Listener
	// Address is where the others reach the listener; by default its own address.
	Address string
	// Name is Member.Name.
	Name string
	// Calls and Streams are handled, by method.
	Calls   map[string]Handler
	Streams map[string]StreamHandler
	// Log hears of leaving and joining. Default: slog.Default.
	Log *slog.Logger
}

// Group is what one replica knows of the others.
type Group struct {
	store       Store
	name        string
	address     string
	calls       map[string]Handler
	streams     map[string]StreamHandler
	log         *slog.Logger
	certificate tls.Certificate
	server      *http.Server
	counters    counters

	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	self    Member // ID "" while it takes no part
	lease   mvcc.LeaseID
	renewed time.Time
	// part ends when self does.
	part    context.Context //nolint:containedctx // it is what ends, no parameter
	leave   context.CancelFunc
	others  []Member
	lines   map[string]*line
	changed chan struct{}
}

// actor is who writes the members.
var actor = mvcc.Actor{User: "system:ark-server", UserAgent: "ark-server/peer"}

// Join makes this process a member, and returns once it is one. Close ends it.
func Join(ctx context.Context, o Options) (*Group, error) {
	g := &Group{
		store: o.Store, name: o.Name, address: o.Address, calls: o.Calls, streams: o.Streams, log: o.Log,
		lines: map[string]*line{}, changed: make(chan struct{}), stop: func() {},
	}
	if g.log == nil {
		g.log = slog.Default()
	}
	g.part, g.leave = context.WithCancel(context.Background())
	if o.Listener == nil {
		return g, nil
	}
	if g.address == "" {
		g.address = o.Listener.Addr().String()
	}
	var err error
	if g.certificate, err = newCertificate(); err != nil {
		return nil, errors.Join(err, o.Listener.Close())
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	g.server = &http.Server{
		Handler: http.HandlerFunc(g.serveHTTP), TLSConfig: serverConfig(g.certificate), Protocols: protocols, HTTP2: http2Config(),
		ReadHeaderTimeout: connectTime, ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
	}
	g.running.Go(func() {
		if err := g.server.ServeTLS(o.Listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			g.log.Error("other replicas cannot call this one any more", "error", err)
		}
	})
	if err := g.join(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("join the other replicas: %w", err), g.Close())
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = stop
	g.running.Go(func() { g.renew(run) })
	g.running.Go(func() { g.follow(run) })
	return g, nil
}

// Close leaves: the others are told, what is under way ends with an error.
func (g *Group) Close() error {
	g.stop()
	g.lose()
	if g.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	g.mu.Lock()
	lease := g.lease
	g.lease = 0
	g.mu.Unlock()
	if lease != 0 {
		if _, err := g.store.LeaseRevoke(ctx, lease, actor); err != nil {
			g.log.Warn("the other replicas notice only later that this one has left", "error", err)
		}
	}
	err := g.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = g.server.Close()
	}
	g.running.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.lines {
		l.close()
	}
	clear(g.lines)
	return err
}

// join becomes a member under a new ID.
func (g *Group) join(ctx context.Context) error {
	began := time.Now()
	lease, err := g.store.LeaseGrant(ctx, 0, int64(leaseTime/time.Second))
	if err != nil {
		return err
	}
	self := Member{ID: newID(), Address: g.address, Key: keyOf(g.certificate.Leaf), Name: g.name, Joined: began.UTC().Truncate(time.Millisecond)}
	put, err := self.put(lease.ID)
	if err != nil {
		return err
	}
	if _, err := g.store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{put}}, actor); err != nil {
		return err // the lease, and with it the member, expires
	}
	g.mu.Lock()
	g.self, g.lease, g.renewed = self, lease.ID, began
	g.part, g.leave = context.WithCancel(context.Background())
	g.mu.Unlock()
	return g.refresh(ctx, true)
}

// lose stops to take part.
func (g *Group) lose() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.self = Member{}
	g.leave()
}

// renew keeps the lease, and joins again after it was lost.
func (g *Group) renew(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		g.mu.Lock()
		lease, left := g.lease, time.Until(g.renewed.Add(leaseTime))
		_, member := g.member()
		g.mu.Unlock()
		if !member {
			g.lose()
			if err := g.within(ctx, leaseTime, g.join); err == nil {
				g.log.Info("this replica takes part again")
			}
			continue
		}
		began := time.Now()
		err := g.within(ctx, left, func(ctx context.Context) error {
			_, err := g.store.LeaseKeepAlive(ctx, lease)
			return err
		})
		g.mu.Lock()
		if err == nil {
			g.renewed = began
		}
		late := time.Since(g.renewed) >= leaseTime
		g.mu.Unlock()
		if errors.Is(err, mvcc.ErrLeaseNotFound) || late {
			g.log.Warn("this replica could not renew its lease in time: the others take it for dead, and it ends what it does for them", "error", err)
			g.lose()
		}
	}
}

func (g *Group) within(ctx context.Context, d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return do(ctx)
}

// follow keeps the list of the others.
func (g *Group) follow(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = g.refresh(ctx, false) // the store says what is wrong with it
		}
	}
}

// refresh reads the members; current ones from the database, others as this replica knows them.
func (g *Group) refresh(ctx context.Context, current bool) error {
	read, err := g.store.Range(ctx, &mvcc.Range{Span: members, Serializable: !current})
	if err != nil {
		return err
	}
	// Whoever expires leases may be the one that is frozen: another takes that over only later.
	now := g.store.Now()
	live := slices.DeleteFunc(slices.Clone(read.KVs), func(kv *mvcc.KeyValue) bool {
		lease, err := g.store.Lease(kv.Lease, false)
		return err != nil || !now.Before(lease.Deadline)
	})
	all := membersOf(live)
	g.mu.Lock()
	defer g.mu.Unlock()
	own := keyOf(g.certificate.Leaf)
	all = slices.DeleteFunc(all, func(m Member) bool { return m.Key == own })
	if slices.Equal(all, g.others) {
		return nil
	}
	g.others = all
	for id, l := range g.lines {
		if !slices.ContainsFunc(all, func(m Member) bool { return m.ID == id }) {
			l.close()
			delete(g.lines, id)
		}
	}
	close(g.changed)
	g.changed = make(chan struct{})
	return nil
}

// Self is this replica; ok is false while it takes no part.
func (g *Group) Self() (_ Member, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.member()
}

// member is Self. The caller holds mu. A process that was frozen finds out here.
func (g *Group) member() (Member, bool) {
	return g.self, g.self.ID != "" && time.Since(g.renewed) < leaseTime
}

// Others are the other members, by ID.
func (g *Group) Others() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.others)
}

// Changed returns a channel that is closed when Others changes.
func (g *Group) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

// taking ends when this replica stops to take part.
func (g *Group) taking() context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.part
}

func (g *Group) find(is func(Member) bool) (Member, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.IndexFunc(g.others, is); i >= 0 {
		return g.others[i], true
	}
	return Member{}, false
}

// lineTo returns what leads to a member, if it is one.
func (g *Group) lineTo(m Member) (*line, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.lines[m.ID]; l != nil {
		return l, true
	}
	if !slices.ContainsFunc(g.others, func(other Member) bool { return other.ID == m.ID && other.Key == m.Key && other.Address == m.Address }) {
		return nil, false
	}
	l := g.newLine(m)
	g.lines[m.ID] = l
	return l, true
}
