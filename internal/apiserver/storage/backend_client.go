package storage

import (
	"context"
	"errors"
	"fmt"
	"path"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/storage"
	cacherstorage "k8s.io/apiserver/pkg/storage/cacher"
	"k8s.io/apiserver/pkg/storage/etcd3"
	etcdfeature "k8s.io/apiserver/pkg/storage/feature"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	storagefactory "k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/apiserver/pkg/storage/value/encrypt/identity"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
)

// ClientOptions configure a Client backend.
type ClientOptions struct {
	// NewClient makes a client for one resource. Watches of one client share a
	// stream, so each resource has its own. The backend closes it.
	NewClient func() (*kubernetes.Client, error)
	// CompactionInterval is how long old revisions stay readable, at least;
	// 0 leaves compaction to others.
	CompactionInterval time.Duration
	// Annotate returns the context for a write, from which the client reads who wrote. It is given the
	// context of the request. Nil drops that knowledge.
	Annotate func(context.Context) context.Context
	// Findings counts stored objects that cannot be decoded; nil for not at all.
	Findings *findings.Findings
	// Stock is where the stock storage factory finds the etcd, and has it make the storages; nil for
	// our own. The stock ones know nothing of Annotate and Findings, and one object that they cannot
	// decode spoils its kind's lists.
	Stock *storagebackend.TransportConfig
}

// Client is a Backend on etcd clients that it is given, such as clients of an
// endpoint in this process or of an etcd. It is the stock storage factory without its
// connections: stock etcd3 storage and watch cache, one compactor in all.
type Client struct {
	options   ClientOptions
	config    storagebackend.Config
	control   *kubernetes.Client // for probes and compaction
	compactor stoppableCompactor
	features  *featureProbe
}

var _ Backend = &Client{}

type stoppableCompactor interface {
	etcd3.Compactor
	Stop()
}

// NewClient returns a Backend on the clients that options.NewClient makes. It
// fails if the storage does not answer within the context.
func NewClient(ctx context.Context, options ClientOptions) (*Client, error) {
	control, err := options.NewClient()
	if err != nil {
		return nil, fmt.Errorf("open a storage client: %w", err)
	}
	b := &Client{options: options, config: storageConfig(), control: control}
	b.config.CompactionInterval = options.CompactionInterval
	if b.features, err = probeFeatures(ctx, control.Client); err != nil {
		_ = control.Close()
		return nil, err
	}
	b.compactor = etcd3.NewCompactor(control.Client, options.CompactionInterval, clock.RealClock{}, nil)
	return b, nil
}

// StorageConfig implements Backend.
func (b *Client) StorageConfig() storagebackend.Config { return b.config }

// probeTimeout bounds one probe of the storage.
const probeTimeout = 2 * time.Second

// Ready implements Backend.
func (b *Client) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := b.control.Client.Get(ctx, path.Join(layout.KeyPrefix, "health")); err != nil {
		return fmt.Errorf("read from the storage: %w", err)
	}
	return nil
}

// Close implements Backend.
func (b *Client) Close() error {
	b.compactor.Stop()
	b.features.stop()
	if err := b.control.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("close a storage client: %w", err)
	}
	return nil
}

// Decorator implements Backend.
func (b *Client) Decorator() generic.StorageDecorator {
	return func(
		config *storagebackend.ConfigForResource,
		resourcePrefix string,
		keyFunc func(obj runtime.Object) (string, error),
		newFunc, newListFunc func() runtime.Object,
		attrs storage.AttrFunc,
		triggers storage.IndexerFuncs,
		indexers *cache.Indexers,
	) (storage.Interface, storagefactory.DestroyFunc, error) {
		if b.options.Stock != nil { // as a stock server builds it
			stock := *config
			stock.Transport = *b.options.Stock
			return genericregistry.StorageWithCacher()(&stock, resourcePrefix, keyFunc, newFunc, newListFunc, attrs, triggers, indexers)
		}
		history := newHistory(config.EventsHistoryWindow)
		raw, destroyRaw, err := b.newStorage(config, history, resourcePrefix, newFunc, newListFunc)
		if err != nil {
			return nil, nil, err
		}
		if uncached(config.GroupResource) {
			return withActor{Interface: raw, annotate: b.options.Annotate}, destroyRaw, nil
		}
		cacher, err := cacherstorage.NewCacherFromConfig(cacherstorage.Config{
			Storage:             raw,
			Versioner:           storage.APIObjectVersioner{},
			GroupResource:       config.GroupResource,
			EventsHistoryWindow: config.EventsHistoryWindow,
			ResourcePrefix:      resourcePrefix,
			KeyFunc:             keyFunc,
			NewFunc:             newFunc,
			NewListFunc:         newListFunc,
			GetAttrsFunc:        attrs,
			IndexerFuncs:        triggers,
			Indexers:            indexers,
			Codec:               config.Codec,
		})
		if err != nil {
			destroyRaw()
			return nil, nil, fmt.Errorf("start the watch cache of %s: %w", config.GroupResource, err)
		}
		delegator := cacherstorage.NewCacheDelegator(cacher, raw)
		destroy := sync.OnceFunc(func() {
			delegator.Stop()
			cacher.Stop()
			destroyRaw()
		})
		return withActor{Interface: delegator, annotate: b.options.Annotate}, destroy, nil
	}
}

// uncached reports whether a resource is read from the storage, as in kube-apiserver: events are
// many, short-lived, and read by few.
func uncached(resource schema.GroupResource) bool {
	return resource == schema.GroupResource{Resource: "events"}
}

// newStorage returns the stock etcd3 storage of one resource on a separate client.
func (b *Client) newStorage(config *storagebackend.ConfigForResource, history *history, resourcePrefix string, newFunc, newListFunc func() runtime.Object) (storage.Interface, func(), error) {
	client, err := b.options.NewClient()
	if err != nil {
		return nil, nil, fmt.Errorf("open a storage client for %s: %w", config.GroupResource, err)
	}
	client.KV = etcd3.NewETCDLatencyTracker(client.KV)

	versioner := storage.APIObjectVersioner{}
	decoder := etcd3.NewDefaultDecoder(config.Codec, versioner)
	transformer := config.Transformer
	if transformer == nil {
		transformer = identity.NewEncryptCheckTransformer()
	}
	deletable := utilfeature.DefaultFeatureGate.Enabled(features.AllowUnsafeMalformedObjectDeletion)
	watched := newWatchedKeys()
	transformer, decoder = keyNotes{transformer, watched}, tolerantDecoder{decoder}
	if deletable {
		transformer = etcd3.WithCorruptObjErrorHandlingTransformer(transformer)
		decoder = etcd3.WithCorruptObjErrorHandlingDecoder(decoder)
	}
	codec := history.codec(tolerantCodec{config.Codec, watched})
	store, err := etcd3.New(client, b.compactor, codec, newFunc, newListFunc, config.Prefix, resourcePrefix,
		config.GroupResource, transformer, config.LeaseManagerConfig, decoder, versioner)
	if err != nil {
		_ = client.Close()
		return nil, nil, fmt.Errorf("set up the etcd3 storage of %s: %w", config.GroupResource, err)
	}
	destroy := func() {
		store.Close()
		_ = client.Close() // nothing is left that could act on the error
	}
	tolerant := withoutUndecodable{
		Interface: store,
		resource:  config.GroupResource,
		prefix:    path.Join("/", config.Prefix, resourcePrefix) + "/",
		newObject: newFunc,
		history:   history,
		findings:  b.options.Findings,
	}
	if deletable {
		tolerant.Interface = etcd3.NewStoreWithUnsafeCorruptObjectDeletion(store, config.GroupResource)
	}
	return tolerant, destroy, nil
}

// featureProbe tells k8s.io/apiserver's process-wide feature checker about an
// endpoint that has no address. Without it, a client without endpoints would
// never be found to support progress requests, and every consistent list would
// go past the watch cache to the storage.
type featureProbe struct {
	client *clientv3.Client
	name   string
	stop   context.CancelFunc
}

// Endpoints and Status are what the checker asks of a client.
func (p *featureProbe) Endpoints() []string { return []string{p.name} }

func (p *featureProbe) Status(ctx context.Context, _ string) (*clientv3.StatusResponse, error) {
	endpoint := ""
	if known := p.client.Endpoints(); len(known) > 0 {
		endpoint = known[0]
	}
	return p.client.Status(ctx, endpoint)
}

// probeFeatures has the checker ask the client, and waits for its verdict unless
// the endpoint is an external one, which the checker knows by its address.
func probeFeatures(ctx context.Context, client *clientv3.Client) (*featureProbe, error) {
	checking, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &featureProbe{client: client, stop: stop}
	checker := etcdfeature.DefaultFeatureSupportChecker
	if len(client.Endpoints()) > 0 {
		checker.CheckClient(checking, client, storage.RequestWatchProgress)
		return p, nil
	}
	p.name = fmt.Sprintf("in-process-%p", p) // the checker asks each name once
	checker.CheckClient(checking, p, storage.RequestWatchProgress)
	for !checker.Supports(storage.RequestWatchProgress) {
		select {
		case <-ctx.Done():
			stop()
			return nil, fmt.Errorf("the storage does not answer, or does not support watch progress requests: %w", context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
	}
	return p, nil
}
