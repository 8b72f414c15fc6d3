package apiserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	storagefactory "k8s.io/apiserver/pkg/storage/storagebackend/factory"
)

// etcdProbeTimeout bounds one probe of an external etcd.
const etcdProbeTimeout = 2 * time.Second

// EtcdOptions say where an external etcd is.
type EtcdOptions struct {
	// Servers are URLs such as http://127.0.0.1:2379.
	Servers []string
	// CAFile, CertFile and KeyFile name PEM files; all empty means no TLS
	// beyond what the URLs ask for.
	CAFile, CertFile, KeyFile string
	// CompactionInterval is how long old revisions stay readable, at least;
	// 0 leaves compaction to others.
	CompactionInterval time.Duration
}

// Etcd is a Backend on an etcd, or anything that speaks its protocol, outside
// this process. It uses the stock storage factory and opens one connection per
// resource.
type Etcd struct {
	config storagebackend.Config
	prober storagefactory.Prober
}

var _ Backend = &Etcd{}

// NewEtcd connects to an external etcd. It fails if none of the servers answers
// within the context.
func NewEtcd(ctx context.Context, o EtcdOptions) (*Etcd, error) {
	if err := reachable(ctx, o.Servers); err != nil {
		return nil, err
	}
	config := storageConfig()
	config.CompactionInterval = o.CompactionInterval
	config.Transport = storagebackend.TransportConfig{
		ServerList:    o.Servers,
		TrustedCAFile: o.CAFile,
		CertFile:      o.CertFile,
		KeyFile:       o.KeyFile,
	}
	type connected struct {
		prober storagefactory.Prober
		err    error
	}
	result := make(chan connected, 1)
	go func() {
		// Blocks for up to 20 s and takes no context. If nobody waits any more
		// the process is about to end, so the connection may be left behind.
		prober, err := storagefactory.CreateProber(config)
		result <- connected{prober, err}
	}()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer from %s: %w", strings.Join(o.Servers, ", "), context.Cause(ctx))
	case r := <-result:
		if r.err != nil {
			return nil, fmt.Errorf("connect to %s: %w", strings.Join(o.Servers, ", "), r.err)
		}
		e := &Etcd{config: config, prober: r.prober}
		if err := e.Ready(ctx); err != nil {
			_ = e.Close()
			return nil, err
		}
		return e, nil
	}
}

// reachable waits until one of the servers accepts connections. The etcd client
// would wait as well, but complains into the log all the while.
func reachable(ctx context.Context, servers []string) error {
	var last error
	for {
		for _, server := range servers {
			u, err := url.Parse(server)
			if err != nil || u.Host == "" {
				return fmt.Errorf("%s is not a URL such as http://127.0.0.1:2379", server)
			}
			network, address := "tcp", u.Host
			if u.Scheme == "unix" || u.Scheme == "unixs" {
				network, address = "unix", u.Host+u.Path
			}
			var dialer net.Dialer
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				return conn.Close()
			}
			if ctx.Err() == nil {
				last = err
			}
		}
		select {
		case <-ctx.Done():
			if last == nil {
				last = context.Cause(ctx)
			}
			return fmt.Errorf("no answer from %s: %w", strings.Join(servers, ", "), last)
		case <-time.After(dialInterval):
		}
	}
}

const dialInterval = 250 * time.Millisecond

// NewEtcdClient connects to an external etcd for one who reads or writes keys without a Backend. It fails if none of the
// servers answers within the context.
func NewEtcdClient(ctx context.Context, o EtcdOptions) (*clientv3.Client, error) {
	if err := reachable(ctx, o.Servers); err != nil {
		return nil, err
	}
	config, err := o.tls()
	if err != nil {
		return nil, err
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: o.Servers, TLS: config})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", strings.Join(o.Servers, ", "), err)
	}
	if _, err := client.Get(ctx, path.Join(KeyPrefix, "health")); err != nil {
		return nil, errors.Join(fmt.Errorf("read from %s: %w", strings.Join(o.Servers, ", "), err), client.Close())
	}
	return client, nil
}

// tls returns what to dial with, or nil for plain text.
func (o EtcdOptions) tls() (*tls.Config, error) {
	if o.CAFile == "" && o.CertFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the authority of etcd's certificate: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the authority of etcd's certificate: %s holds no PEM certificate", o.CAFile)
		}
	}
	if o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate for etcd: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// StorageConfig implements Backend.
func (e *Etcd) StorageConfig() storagebackend.Config { return e.config }

// Decorator implements Backend.
func (e *Etcd) Decorator() generic.StorageDecorator {
	return genericregistry.StorageWithCacher()
}

// Ready implements Backend.
func (e *Etcd) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, etcdProbeTimeout)
	defer cancel()
	if err := e.prober.Probe(ctx); err != nil {
		return fmt.Errorf("probe %s: %w", strings.Join(e.config.Transport.ServerList, ", "), err)
	}
	return nil
}

// Close implements Backend.
func (e *Etcd) Close() error { return e.prober.Close() }

// storageConfig is what both backends start from.
func storageConfig() storagebackend.Config {
	config := storagebackend.NewDefaultConfig(KeyPrefix, nil)
	config.CountMetricPollPeriod = time.Minute
	return *config
}
