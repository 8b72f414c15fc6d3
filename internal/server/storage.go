package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/heap"
	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/metrics"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/operation"
	"github.com/mckinsey/ark-server/internal/peer"
	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/records"
)

// storageTimeout bounds how long the start waits for the storage.
const storageTimeout = 10 * time.Second

// ringBytes bounds the newest commits that are kept in memory for watches, if there is enough
// memory.
const ringBytes = 64 << 20

// data is an open backend with everything that has to be closed after it.
type data struct {
	storage.Backend
	// summary and unprotected are those of Server.
	summary     string
	unprotected string
	metrics     *metrics.Metrics
	// side are the side tables; nil for an external etcd.
	side mvcc.SideTables
	// history reads old versions of objects; nil without a history.
	history history.Reader
	// upkeep removes versions from the history, and policy determines which; both are nil without a
	// history.
	upkeep records.Upkeep
	policy *retention
	// announce publishes the head of the history's hash chain every minute; nil without a history.
	announce func(func(history.Head))
	// kv reads and writes the stored keys before a server runs on them. scrub erases replaced values,
	// as far as this process has to.
	kv    clientv3.KV
	scrub func(context.Context) error
	// model is the read model; nil if there is none.
	model *readmodel.Model
	// findings are the findings of the API server on it.
	findings *findings.Findings
	// peers are the other replicas, and served are the methods that they may call; both are nil for a
	// process without replicas.
	peers  *peer.Group
	served *streams
	// report describes the storage for operators; nil for an external etcd.
	report func() operation.Report
	// etcd serves the etcd protocol, if enabled, until it is stopped. It returns nil at once
	// otherwise.
	etcd func() error
	// closers run in reverse order, after the backend is closed.
	closers []func() error
}

func (s *data) Close() error {
	var errs []error
	if s.Backend != nil {
		errs = append(errs, s.Backend.Close())
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}

// open opens the storage of a server.
func open(ctx context.Context, o Options) (*data, error) {
	admin, ok := o.Storage.Admin()
	if !ok {
		return openEtcd(ctx, o.Storage, o.Off)
	}
	engine, err := openEngine(ctx, admin, o.Storage.TakesOver)
	if err != nil {
		return nil, err
	}
	return openEmbedded(ctx, o, admin, engine)
}

func openEtcd(ctx context.Context, o StorageOptions, off hooks.Off) (*data, error) {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	found := findings.New()
	options := o.etcd()
	options.Findings, options.Off = found, off
	backend, err := storage.NewEtcd(ctx, options)
	if err != nil {
		return nil, about(SettingEtcd, err)
	}
	client, err := storage.NewEtcdClient(ctx, options)
	if err != nil {
		return nil, about(SettingEtcd, errors.Join(err, backend.Close()))
	}
	return &data{
		Backend: backend, summary: o.Summary(), metrics: newMetrics(o.Kind),
		kv: asEncrypter{client.KV}, scrub: func(context.Context) error { return nil }, closers: []func() error{client.Close},
		findings: found, etcd: func() error { return nil },
	}, nil
}

// etcd returns the configuration of the connection to the external etcd.
func (o StorageOptions) etcd() storage.EtcdOptions {
	return storage.EtcdOptions{
		Servers: o.Etcd.Servers, CAFile: o.Etcd.CAFile, CertFile: o.Etcd.CertFile, KeyFile: o.Etcd.KeyFile,
		CompactionInterval: o.CompactionInterval, MaxObjectBytes: o.MaxObjectBytes,
	}
}

// openEmbedded builds our own endpoint on an engine, which it closes if it fails.
func openEmbedded(ctx context.Context, o Options, admin Admin, engine mvcc.Engine) (_ *data, err error) {
	summary := o.Storage.Summary()
	observer, tracer := newMetrics(o.Storage.Kind), newTracer(o.TracingFile)
	settings := mvcc.Options{Observer: observer, Tracer: tracer, RingBytes: int(heap.Share(ringBytes, 16))}
	gate := &history.Gate{}
	if o.History {
		settings.Held = gate.Held
	}
	id, err := storeID(ctx, summary, engine)
	if err != nil {
		return nil, about(SettingStorage, errors.Join(err, engine.Close()))
	}
	store, closers, err := openStore(ctx, o.Storage, admin, engine, settings)
	if err != nil {
		return nil, err
	}
	s := &data{summary: summary, metrics: observer, side: store.Side(), findings: findings.New(), closers: closers}
	defer func() {
		if err == nil {
			return
		}
		if closing := s.Close(); closing != nil {
			err = errors.Join(err, closing)
		}
	}()

	if o.History {
		archive, err := history.Open(ctx, store, gate, history.Options{Select: recorded, JSON: accessJSON, Chain: o.HistoryChain, Log: slog.Default()})
		if err != nil {
			return nil, about(SettingStorage, err)
		}
		s.policy = &retention{}
		archive.Keep(s.policy.policy)
		s.history, s.upkeep, s.announce = archive, archive, archive.Announce
		s.closers = append(s.closers, archive.Close)
		s.metrics.History(archive.Stats, archive.Stored)
	}

	var endModel func() error
	s.model, endModel = openReadModel(ctx, o, store, id, s.history)
	s.closers = append(s.closers, endModel)
	if s.model != nil {
		s.metrics.ReadModel(s.model.Stats)
		if s.upkeep != nil {
			s.upkeep = forgetting{s.upkeep, s.model}
		}
	}

	config, err := o.Storage.Endpoint.tls()
	if err != nil {
		return nil, err
	}
	serves := etcdserver.Options{MaxRequestBytes: requestBytes(o.Storage.MaxObjectBytes), TLS: config, Tracer: tracer, Explain: o.Explain}
	endpoint := etcdserver.New(store, serves)
	s.metrics.Store(store, endpoint, arkSpans())
	s.report = reporter(summary, store, endpoint)
	s.closers = append(s.closers, func() error { endpoint.Stop(); return nil })
	if o.Peers.Listen != "" {
		s.served = newStreams()
		group, err := joinPeers(ctx, o.Peers, store, s.served)
		if err != nil {
			return nil, about(SettingPeers, err)
		}
		s.closers = append(s.closers, group.Close)
		s.metrics.Peers(group.Stats)
		s.peers = group
		alone := s.report
		s.report = func() operation.Report { return withPeers(alone(), group) }
	}
	s.etcd = func() error { return nil }
	if address := o.Storage.Endpoint.Address; address != "" {
		listener, err := etcdserver.Listen(address, config)
		if err != nil {
			return nil, about(SettingEndpointAddress, err)
		}
		if unprotected(listener, config) {
			s.unprotected = etcdAddress(listener)
		}
		s.summary += ", as etcd at " + etcdAddress(listener)
		var serving errgroup.Group
		serving.Go(func() error { return endpoint.Serve(listener) })
		s.etcd = serving.Wait
	}

	raw := direct.NewClient(endpoint)
	s.closers = append(s.closers, func() error { return ignoreCanceled(raw.Close()) })
	s.kv = asEncrypter{raw.Client.KV}
	s.scrub = func(ctx context.Context) error { return scrub(ctx, store, engine) }

	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	client, err := storage.NewClient(ctx, storage.ClientOptions{
		NewClient:          func() (*kubernetes.Client, error) { return direct.NewClient(endpoint), nil },
		CompactionInterval: o.Storage.CompactionInterval,
		Annotate:           annotate,
		Findings:           s.findings,
	})
	if err != nil {
		return nil, about(SettingStorage, err)
	}
	s.Backend = client
	return s, nil
}

// arkSpans returns the key range of each Ark kind, by the name of its resource.
func arkSpans() map[string]mvcc.Span {
	spans := map[string]mvcc.Span{}
	for _, kind := range install.Kinds() {
		resource := kind.Resource()
		prefix := layout.KeyPrefix + "/" + layout.Layout{}.ResourcePrefix(resource)
		spans[resource.String()] = mvcc.Span{Key: []byte(prefix + "/"), End: []byte(prefix + "0")} // 0 follows / in ASCII
	}
	return spans
}
