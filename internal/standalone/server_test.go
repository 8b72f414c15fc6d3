package standalone

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v3/kubernetes"
	"k8s.io/client-go/dynamic"
	clientset "k8s.io/client-go/kubernetes"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mckinsey/ark-server/internal/apiserver/filters"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/token"
)

// running is a server on a database in a temporary folder, ready to be used.
type running struct {
	config   *rest.Config // the admin's, from the kubeconfig
	objects  dynamic.Interface
	core     clientset.Interface
	server   *Server
	store    *mvcc.Store
	actors   chan filters.Actor // of writes, as many as fit
	beneath  *etcdserver.Server
	findings *findings.Findings
}

// damage stores a text in place of what the server has at a key.
func (r *running) damage(t testing.TB, key, text string) {
	t.Helper()
	client := direct.NewClient(r.beneath)
	defer client.Close()
	if _, err := client.Client.Put(context.Background(), key, text); err != nil {
		t.Fatal(err)
	}
}

// openStore opens the database in a folder until the end of the test.
func openStore(t testing.TB, dir string) *mvcc.Store {
	t.Helper()
	engine, err := sqlite.Open(context.Background(), filepath.Join(dir, "ark.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(context.Background(), engine, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// start starts a server; tune changes its options.
func start(t testing.TB, dir string, tune ...func(*Options)) *running {
	t.Helper()
	store := openStore(t, dir)
	ctx, stop := context.WithCancel(context.Background())
	endpoint := etcdserver.New(store, etcdserver.Options{})
	actors := make(chan filters.Actor, 1000)
	found := findings.New()
	backend, err := storage.NewClient(ctx, storage.ClientOptions{
		Findings:  found,
		NewClient: func() (*kubernetes.Client, error) { return direct.NewClient(endpoint), nil },
		Annotate: func(ctx context.Context) context.Context {
			if a, ok := filters.ActorFrom(ctx); ok {
				select {
				case actors <- a:
				default:
				}
			}
			return ctx
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(dir, "admin.kubeconfig")
	options := Options{Listener: listener, KeysDir: filepath.Join(dir, "keys"), Kubeconfig: kubeconfig, Tokens: token.New(store.Side(), time.Now)}
	for _, change := range tune {
		change(&options)
	}
	server, err := New(options, backend)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
		endpoint.Stop()
	})
	if err := server.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	r := &running{config: config, server: server, store: store, actors: actors, beneath: endpoint, findings: found}
	if r.objects, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	if r.core, err = clientset.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	return r
}

// rawConfig is for paths outside the API groups.
func rawConfig(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.NegotiatedSerializer = clientscheme.Codecs
	return config
}
