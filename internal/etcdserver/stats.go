package etcdserver

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// method is a verb of the protocol, as an index.
type method int

const (
	methodRange method = iota
	methodRangeStream
	methodPut
	methodDeleteRange
	methodTxn
	methodCompact
	methodWatch
	methodLeaseGrant
	methodLeaseRevoke
	methodLeaseKeepAlive
	methodLeaseTimeToLive
	methodLeaseLeases
	methodStatus
	methods
)

var methodNames = [methods]string{
	"Range", "RangeStream", "Put", "DeleteRange", "Txn", "Compact", "Watch",
	"LeaseGrant", "LeaseRevoke", "LeaseKeepAlive", "LeaseTimeToLive", "LeaseLeases", "Status",
}

// numCodes is the number of gRPC's codes.
const numCodes = int(codes.Unauthenticated) + 1

// counters are what Stats tells of the past.
type counters struct {
	requests [methods][numCodes]atomic.Int64
	events   atomic.Int64
	progress atomic.Int64
	retries  atomic.Int64
	ended    atomic.Int64
}

// Stats says how a Server is doing at one moment. Counters only grow, from 0 at New.
type Stats struct {
	// Requests that have been answered, by method and gRPC code, and only where there
	// were any. A renewal counts as a request LeaseKeepAlive, a new watch as Watch.
	Requests []RequestCount
	// Events and Progress count what was sent to watchers.
	Events, Progress int64
	// Retries counts the polls of watchers that failed because the storage could not
	// be read; they are tried again.
	Retries int64
	// Compacted counts the watches that ended because what came next for them had been
	// compacted.
	Compacted int64
	// Watchers are those there are now, in order of their keys.
	Watchers []WatcherStats
}

// RequestCount is a number of requests.
type RequestCount struct {
	Method string
	Code   codes.Code
	Count  int64
}

// WatcherStats describes one watch.
type WatcherStats struct {
	// Key and End are its span, as in a request.
	Key, End string
	// Revision is how far it has been sent everything, or its start where that lies in
	// the future.
	Revision int64
	// Known is the newest revision that the client has been told of.
	Known int64
	// Progress says that the client asked for progress notifications.
	Progress bool
}

// Stats takes time in proportion to the number of watchers, and asks the database
// nothing.
func (s *Server) Stats() Stats {
	n := &s.counters
	stats := Stats{Events: n.events.Load(), Progress: n.progress.Load(), Retries: n.retries.Load(), Compacted: n.ended.Load()}
	for m := range methods {
		for code := range numCodes {
			if count := n.requests[m][code].Load(); count > 0 {
				stats.Requests = append(stats.Requests, RequestCount{methodNames[m], codes.Code(code), count})
			}
		}
	}
	stats.Watchers = s.watchers.stats()
	return stats
}

// call is a request that is being answered.
type call struct {
	s   *Server
	m   method
	end func(error) // of its span, if it has one
}

// begin starts to account for a request. Without tracing it costs nothing.
func (s *Server) begin(ctx context.Context, m method) (context.Context, call) {
	c := call{s: s, m: m}
	if s.opts.Tracer != nil && s.opts.Tracer.Caller(ctx) != nil {
		ctx, c.end = s.opts.Tracer.Start(ctx, "etcdserver "+methodNames[m])
	}
	return ctx, c
}

// done is to be deferred: err points to the request's result.
func (c call) done(err *error) {
	c.s.count(c.m, *err)
	if c.end != nil {
		c.end(*err)
	}
}

func (s *Server) count(m method, err error) {
	code := codes.OK
	if err != nil {
		code = min(status.Code(err), codes.Code(numCodes-1))
	}
	s.counters.requests[m][code].Add(1)
}
