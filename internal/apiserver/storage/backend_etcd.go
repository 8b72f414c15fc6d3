package storage

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
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// EtcdOptions say where an external etcd is.
type EtcdOptions struct {
	// Servers are URLs such as http://127.0.0.1:2379.
	Servers []string
	// CAFile, CertFile and KeyFile name PEM files; all empty means no TLS
	// beyond what the URLs ask for.
	CAFile, CertFile, KeyFile string
	// MaxObjectBytes is how large an object is sent; 0 leaves it at what etcd's client sends, 2 MiB.
	// The server has a separate limit, etcd's --max-request-bytes.
	MaxObjectBytes int
	// CompactionInterval is how long old revisions stay readable, at least;
	// 0 leaves compaction to others.
	CompactionInterval time.Duration
	// Findings is as for ClientOptions.
	Findings *findings.Findings
	// Off are the hooks to do without.
	Off hooks.Off
}

// etcdPatience bounds one call to an external etcd.
const etcdPatience = 15 * time.Second

// NewEtcd returns a Backend on an etcd, or anything that speaks its protocol,
// outside this process. It fails if none of the servers answers within the context.
func NewEtcd(ctx context.Context, o EtcdOptions) (*Client, error) {
	config, err := o.clientConfig(ctx)
	if err != nil {
		return nil, err
	}
	config.DialOptions = append(config.DialOptions, grpc.WithChainUnaryInterceptor(failFast))
	var stock *storagebackend.TransportConfig
	if o.Off.Has(hooks.Factory) {
		stock = &storagebackend.TransportConfig{ServerList: o.Servers, KeyFile: o.KeyFile, CertFile: o.CertFile, TrustedCAFile: o.CAFile}
	}
	backend, err := NewClient(ctx, ClientOptions{
		Stock:              stock,
		CompactionInterval: o.CompactionInterval,
		Findings:           o.Findings,
		NewClient:          func() (*kubernetes.Client, error) { return kubernetes.New(config) },
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", strings.Join(o.Servers, ", "), err)
	}
	if err := backend.Ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("no answer from %s: %w", strings.Join(o.Servers, ", "), err), backend.Close())
	}
	return backend, nil
}

// failFast has a call fail when no server can be reached. etcd's client would have
// it wait for one as long as the request may take, which is a minute.
func failFast(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	attempt, cancel := context.WithTimeout(ctx, etcdPatience)
	defer cancel()
	err := invoke(attempt, method, request, reply, conn, append(slices.Clip(opts), grpc.WaitForReady(false))...)
	if err != nil && attempt.Err() != nil && ctx.Err() == nil {
		// After DeadlineExceeded etcd's client would try again and again, be it a
		// write that has taken place.
		return status.Errorf(codes.Aborted, "etcd did not answer within %s", etcdPatience)
	}
	return err
}

// reachable waits until one of the servers accepts connections. The etcd client
// would wait as well, but complains into the log all the while.
func reachable(ctx context.Context, servers []string) error {
	var last error
	for {
		for _, server := range servers {
			u, err := url.Parse(server)
			if err != nil || u.Host == "" && u.Scheme != "unix" && u.Scheme != "unixs" {
				return fmt.Errorf("%s is not a URL such as http://127.0.0.1:2379", server)
			}
			network, address := "tcp", u.Host
			if u.Scheme == "unix" || u.Scheme == "unixs" {
				network, address = "unix", u.Host+u.Path
				if err := privatefile.CheckSocket(address); err != nil {
					return err
				}
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

// NewEtcdClient connects to an external etcd for one who reads or writes keys without a Backend. It
// fails if none of the servers answers within the context.
func NewEtcdClient(ctx context.Context, o EtcdOptions) (*clientv3.Client, error) {
	config, err := o.clientConfig(ctx)
	if err != nil {
		return nil, err
	}
	client, err := clientv3.New(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", strings.Join(o.Servers, ", "), err)
	}
	if _, err := client.Get(ctx, path.Join(layout.KeyPrefix, "health")); err != nil {
		return nil, errors.Join(fmt.Errorf("read from %s: %w", strings.Join(o.Servers, ", "), err), client.Close())
	}
	return client, nil
}

// clientConfig returns what to make clients with, once one of the servers can be reached. A
// connection that has died silently is noticed after 40 seconds.
func (o EtcdOptions) clientConfig(ctx context.Context) (clientv3.Config, error) {
	if err := reachable(ctx, o.Servers); err != nil {
		return clientv3.Config{}, err
	}
	secure, err := o.tls()
	if err != nil {
		return clientv3.Config{}, err
	}
	var dial []grpc.DialOption
	if allUnix(o.Servers) {
		dial = append(dial, grpc.WithContextDialer(dialUnix))
	}
	return clientv3.Config{
		Endpoints: o.Servers, TLS: secure, DialOptions: dial, DialKeepAliveTime: 30 * time.Second, DialKeepAliveTimeout: 10 * time.Second,
		MaxCallSendMsgSize: max(o.MaxObjectBytes+sendMargin, minSend),
		// It would log, in a different format, errors that its callers also receive.
		Logger: zap.NewNop(),
	}, nil
}

func allUnix(servers []string) bool {
	return !slices.ContainsFunc(servers, func(s string) bool { return !strings.HasPrefix(s, "unix:") })
}

// dialUnix checks the socket before each connection: once the server has gone, another user may
// listen at its path.
func dialUnix(ctx context.Context, address string) (net.Conn, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(address, "unix:"), "//")
	if err := privatefile.CheckSocket(path); err != nil {
		return nil, err
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", path)
}

// A request holds more than the object, and what the server is to refuse has to get there. minSend
// is the default of etcd's client.
const (
	sendMargin = 512 << 10
	minSend    = 2 << 20
)

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
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
			return &pair, err
		}
		if _, err := load(); err != nil {
			return nil, fmt.Errorf("read the client certificate for etcd: %w", err)
		}
		// Each connection reads it again, as it may have been renewed.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return config, nil
}

// storageConfig is what all backends start from.
func storageConfig() storagebackend.Config {
	config := storagebackend.NewDefaultConfig(layout.KeyPrefix, nil)
	config.CountMetricPollPeriod = time.Minute
	return *config
}
