package etcdserver

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Options tune a Server. The zero value of each field means its default.
type Options struct {
	// MaxRequestBytes bounds the encoded size of one write; larger ones are
	// refused with etcd's "request is too large", unless they make no larger
	// what is stored already (see oversize.go). Default 1.5 MiB, as etcd.
	//
	// Watch responses and range streams are cut around this size too, but not
	// above the default: a larger limit admits larger objects, and makes no
	// answer with small ones larger.
	MaxRequestBytes int
	// MaxTxnOps bounds the compares and the operations of each branch of a
	// transaction. Default 128, as etcd.
	MaxTxnOps int
	// ProgressInterval is the period of progress notifications for watchers
	// that asked for them. Default 10 minutes, as etcd.
	ProgressInterval time.Duration
	// EagerProgress is how long after the store's revision moved past a
	// watcher with progress_notify it is told so; revisions in between are
	// folded into one notification. Default 50 ms; negative switches it off.
	EagerProgress time.Duration
	// MinLeaseTTL is the shortest time to live granted, in seconds; shorter
	// requests get this. Default 2, as etcd with its default timing.
	MinLeaseTTL int64
	// TLS, if set, is what Serve demands of its clients. Listen says when it
	// is needed.
	TLS *tls.Config
	// Name of the only member, as MemberList and etcdctl show it. Default
	// "ark-server".
	Name string
	// Tracer makes spans of the requests that are traced. Default: none.
	Tracer mvcc.Tracer
	// Explain returns an error of the storage with what to do about it, for clients to read. Default:
	// the error as it is.
	Explain func(error) error
	// Log receives what no client is told, such as a watch that has to wait
	// for the storage. Default slog.Default().
	Log *slog.Logger
}

const (
	defaultMaxRequestBytes  = 1536 * 1024
	defaultMaxTxnOps        = 128
	defaultProgressInterval = 10 * time.Minute
	defaultEagerProgress    = 50 * time.Millisecond
)

// chunkBytes is the size around which answers are cut.
func (o Options) chunkBytes() int { return min(o.MaxRequestBytes, defaultMaxRequestBytes) }

func (o Options) withDefaults() Options {
	if o.MaxRequestBytes <= 0 {
		o.MaxRequestBytes = defaultMaxRequestBytes
	}
	if o.MaxTxnOps <= 0 {
		o.MaxTxnOps = defaultMaxTxnOps
	}
	if o.ProgressInterval <= 0 {
		o.ProgressInterval = defaultProgressInterval
	}
	if o.EagerProgress == 0 {
		o.EagerProgress = defaultEagerProgress
	}
	if o.MinLeaseTTL <= 0 {
		o.MinLeaseTTL = 2
	}
	if o.Name == "" {
		o.Name = "ark-server"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}
