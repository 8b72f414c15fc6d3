package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/client/v3/kubernetes"
	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/apiserver/filters"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	arkstorage "github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/metrics"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/operation"
)

// storageTimeout bounds how long the start waits for the storage to answer.
const storageTimeout = 10 * time.Second

// storage is an open backend with what has to be closed after it.
type storage struct {
	arkstorage.Backend
	// summary describes it in the start-up lines.
	summary string
	metrics *metrics.Metrics
	// findings are those of the API server on it.
	findings *findings.Findings
	// report describes it to operators; nil for an external etcd.
	report func() operation.Report
	// etcd serves the etcd protocol, if asked to, until it is stopped. It
	// returns nil at once otherwise.
	etcd func() error
	// closers run in reverse order, after the backend is closed.
	closers []func() error
}

func (s *storage) Close() error {
	var errs []error
	if s.Backend != nil {
		errs = append(errs, s.Backend.Close())
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}

func openStorage(ctx context.Context, o *options) (*storage, error) {
	if o.storage == storageEtcd {
		return openEtcd(ctx, o)
	}
	open := openEngine
	if o.mode == modeAggregated {
		open = openEngineAbove
	}
	engine, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	return openEmbedded(ctx, o, engine)
}

func openEtcd(ctx context.Context, o *options) (*storage, error) {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	found := findings.New()
	backend, err := arkstorage.NewEtcd(ctx, arkstorage.EtcdOptions{
		Servers: o.etcdServers, CAFile: o.etcdCAFile, CertFile: o.etcdCertFile, KeyFile: o.etcdKeyFile,
		CompactionInterval: o.compactionInterval, MaxObjectBytes: int(o.maxObjectSize), Findings: found,
	})
	if err != nil {
		return nil, fmt.Errorf("--etcd-servers: %w: check that etcd runs there, and the --etcd-... certificate flags", err)
	}
	return &storage{
		Backend: backend, summary: "etcd at " + strings.Join(o.etcdServers, ", "), metrics: newMetrics(o),
		findings: found, etcd: func() error { return nil },
	}, nil
}

// openEmbedded puts our own endpoint on an engine, which it closes if it fails.
func openEmbedded(ctx context.Context, o *options, engine mvcc.Engine) (_ *storage, err error) {
	where := o.where()
	observer, tracer := newMetrics(o), newTracer(o)
	store, closers, err := openStore(ctx, o, engine, mvcc.Options{Observer: observer, Tracer: tracer})
	if err != nil {
		return nil, err
	}
	s := &storage{summary: where.summary, metrics: observer, findings: findings.New(), closers: closers}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()

	config, err := etcdTLS(o)
	if err != nil {
		return nil, err
	}
	settings := o.endpointOptions()
	settings.TLS, settings.Tracer = config, tracer
	endpoint := etcdserver.New(store, settings)
	s.metrics.Store(store, endpoint)
	s.report = reporter(where.summary, store, endpoint)
	s.closers = append(s.closers, func() error { endpoint.Stop(); return nil })
	s.etcd = func() error { return nil }
	if o.etcdListen != "" {
		listener, err := etcdserver.Listen(o.etcdListen, config)
		if err != nil {
			return nil, err
		}
		warnOfPort(listener, config)
		s.summary += ", as etcd at " + etcdAddress(listener)
		var serving errgroup.Group
		serving.Go(func() error { return endpoint.Serve(listener) })
		s.etcd = serving.Wait
	}

	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	client, err := arkstorage.NewClient(ctx, arkstorage.ClientOptions{
		NewClient:          func() (*kubernetes.Client, error) { return direct.NewClient(endpoint), nil },
		CompactionInterval: o.compactionInterval,
		Annotate:           annotate,
		Findings:           s.findings,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where.flag, err)
	}
	s.Backend = client
	return s, nil
}

// annotate tells the endpoint who writes.
func annotate(ctx context.Context) context.Context {
	a, ok := filters.ActorFrom(ctx)
	if !ok {
		return ctx
	}
	if a.Verb == "delete" || a.Verb == "deletecollection" {
		// An object that is too large since the limit was lowered can still be marked as deleted.
		ctx = etcdserver.WithGrowth(ctx, deletionRoom)
	}
	return etcdserver.WithActor(ctx, mvcc.Actor{
		User: a.User, Groups: strings.Join(a.Groups, ","), Impersonator: a.Impersonator,
		UserAgent: a.UserAgent, FieldManager: a.FieldManager, AuditID: a.AuditID, Verb: a.Verb,
	})
}

// warnOfPort says who else gets in where the protocol has no authentication.
func warnOfPort(l net.Listener, config *tls.Config) {
	if l.Addr().Network() == "unix" || etcdserver.DemandsClientCertificate(config) {
		return
	}
	slog.Warn("every user and program of this machine can read and change everything through --etcd-listen, Secrets included",
		"address", etcdAddress(l), "fix", "--etcd-listen=unix:///path/to/etcd.sock, a socket for its owner only; or demand client certificates: --etcd-listen-client-ca-file")
}

func etcdAddress(l net.Listener) string { return l.Addr().Network() + "://" + l.Addr().String() }

// etcdTLS returns what --etcd-listen serves with, or nil for plain text.
func etcdTLS(o *options) (*tls.Config, error) {
	if o.etcdListenCertFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.etcdListenCertFile, o.etcdListenKeyFile)
	if err != nil {
		return nil, fmt.Errorf("--etcd-listen-cert-file=%s, --etcd-listen-key-file=%s: %w", o.etcdListenCertFile, o.etcdListenKeyFile, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if o.etcdListenClientCAFile != "" {
		pem, err := os.ReadFile(o.etcdListenClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("--etcd-listen-client-ca-file=%s: %w", o.etcdListenClientCAFile, err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--etcd-listen-client-ca-file=%s: it holds no PEM certificate", o.etcdListenClientCAFile)
		}
	}
	return config, nil
}
