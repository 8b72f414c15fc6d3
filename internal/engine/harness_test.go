package engine

import (
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v3/kubernetes"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/authentication/user"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/outbound"
	"github.com/mckinsey/ark-server/internal/engine/provider"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/standalone"
)

// patience is how long a test waits for an expected event.
const patience = 60 * time.Second

// world is a server with an admin client, whose engine a test starts and stops.
type world struct {
	t      testing.TB
	ctx    context.Context
	admin  *objects.Client
	server *standalone.Server
	client *objects.Client // the engine's
	model  *scripted.Server
	url    string  // of the model
	engine *Engine // the engine that was started last
}

// newWorld starts a server on a database in a temporary directory, and a scripted model.
func newWorld(t testing.TB, script func(scripted.Request) scripted.Answer) *world {
	t.Helper()
	dir := t.TempDir()
	file, err := sqlite.Open(t.Context(), filepath.Join(dir, "ark.db"), sqlite.Options{Relaxed: true})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(t.Context(), file, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := etcdserver.New(store, etcdserver.Options{})
	ctx, stop := context.WithCancel(context.Background())
	backend, err := storage.NewClient(ctx, storage.ClientOptions{
		NewClient: func() (*kubernetes.Client, error) { return direct.NewClient(endpoint), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := standalone.New(standalone.Options{
		Listener: listener, KeysDir: filepath.Join(dir, "keys"), Kubeconfig: filepath.Join(dir, "kubeconfig"),
		Grants: []parts.Grant{{User: User, Rules: Rules()}},
		Tune:   func(o *assembly.Options) { o.Executor = User },
	}, backend)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	model := scripted.New(script)
	there := httptest.NewServer(model)
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
		endpoint.Stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		there.CloseClientConnections()
		there.Close()
	})
	if err := server.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: ctx, server: server, model: model, url: there.URL}
	w.admin = w.as(&user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}})
	w.client = w.as(&user.DefaultInfo{Name: User})
	return w
}

func (w *world) as(who user.Info) *objects.Client {
	w.t.Helper()
	config, err := w.server.InProcess.Config(who)
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := objects.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// start starts an engine, and returns a function that stops it as the end of a process does:
// nothing more is written.
func (w *world) start(limits Limits, tune ...func(*Options)) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	client := outbound.NewClient(outbound.Policy{Loopback: true})
	var marks atomic.Int64
	options := Options{
		Client: w.client, Limits: limits, Identity: "engine-" + strconv.Itoa(int(time.Now().UnixNano())),
		Services: execution.Services{
			Models: client, Tools: client, Retry: provider.Retry{First: time.Millisecond},
			Marker: func() string { return "marker-" + strconv.Itoa(int(marks.Add(1))) },
		},
	}
	for _, change := range tune {
		change(&options)
	}
	engine := New(options)
	w.engine = engine
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		engine.Run(ctx)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
		client.CloseIdleConnections()
	})
	w.t.Cleanup(stop)
	return stop
}

// apply creates objects from YAML documents. {{model}} and {{tool}} are placeholders for URLs.
func (w *world) apply(text string) {
	w.t.Helper()
	for _, part := range splitYAML(text) {
		object := &unstructured.Unstructured{}
		data, err := yaml.YAMLToJSON([]byte(part))
		if err != nil {
			w.t.Fatal(err)
		}
		if err := json.Unmarshal(data, &object.Object); err != nil {
			w.t.Fatal(err)
		}
		if object.GetNamespace() == "" {
			object.SetNamespace("default")
		}
		w.create(object)
	}
}

func (w *world) create(object *unstructured.Unstructured) {
	w.t.Helper()
	if object.GetAPIVersion() == "v1" {
		var err error
		switch object.GetKind() {
		case "Secret":
			in := &corev1.Secret{}
			w.into(object, in)
			_, err = w.admin.Core.CoreV1().Secrets(object.GetNamespace()).Create(w.ctx, in, metav1.CreateOptions{})
		case "Namespace":
			in := &corev1.Namespace{}
			w.into(object, in)
			_, err = w.admin.Core.CoreV1().Namespaces().Create(w.ctx, in, metav1.CreateOptions{})
		default:
			in := &corev1.ConfigMap{}
			w.into(object, in)
			_, err = w.admin.Core.CoreV1().ConfigMaps(object.GetNamespace()).Create(w.ctx, in, metav1.CreateOptions{})
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return
	}
	resources := map[string]string{
		"Agent": "agents", "Team": "teams", "Model": "models", "Tool": "tools", "Query": "queries", "Memory": "memories", "MCPServer": "mcpservers",
		"A2AServer": "a2aservers", "ExecutionEngine": "executionengines",
	}
	data, err := object.MarshalJSON()
	if err != nil {
		w.t.Fatal(err)
	}
	resource := resources[object.GetKind()]
	err = w.admin.Ark(objects.VersionOf(resource)).Post().Namespace(object.GetNamespace()).Resource(resource).Body(data).Do(w.ctx).Error()
	if err != nil {
		w.t.Fatalf("create %s %s: %v", object.GetKind(), object.GetName(), err)
	}
}

func (w *world) into(object *unstructured.Unstructured, to any) {
	w.t.Helper()
	data, err := object.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// query returns a Query; nil if there is none.
func (w *world) query(namespace, name string) *v1alpha1.Query {
	w.t.Helper()
	q := &v1alpha1.Query{}
	err := w.admin.Get(w.ctx, "queries", namespace, name, q)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return q
}

// await waits until a Query satisfies a condition.
func (w *world) await(namespace, name string, what string, is func(*v1alpha1.Query) bool) *v1alpha1.Query {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		q := w.query(namespace, name)
		if is(q) {
			return q
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the query %s/%s is not %s: %+v", namespace, name, what, q)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (w *world) awaitEnd(name string) *v1alpha1.Query {
	w.t.Helper()
	return w.await("default", name, "at its end", func(q *v1alpha1.Query) bool { return q != nil && terminal(phaseOf(q)) })
}

func (w *world) awaitPhase(name string, phase v1alpha1.QueryPhase) *v1alpha1.Query {
	w.t.Helper()
	return w.await("default", name, string(phase), func(q *v1alpha1.Query) bool { return q != nil && phaseOf(q) == phase })
}
