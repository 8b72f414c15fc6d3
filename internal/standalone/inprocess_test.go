package standalone

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	etcdkubernetes "go.etcd.io/etcd/client/v3/kubernetes"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/inprocess"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

var (
	master = &user.DefaultInfo{Name: "engine", Groups: []string{user.SystemPrivilegedGroup}}
	nobody = &user.DefaultInfo{Name: "bob"}
)

// inside returns the configuration of a client in the process.
func (r *running) inside(t testing.TB, who user.Info) *rest.Config {
	t.Helper()
	config, err := r.server.InProcess.Config(who)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func objectsOf(t testing.TB, config *rest.Config) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func newAgent(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: registrytest.Of("Agent").Object("default", name)}
}

// Requests from the process are held to the same rules as others, count as the user who was given,
// and are counted.
func TestInProcess(t *testing.T) {
	r := start(t, t.TempDir())
	ctx := t.Context()
	objects := objectsOf(t, r.inside(t, master)).Resource(agents).Namespace("default")
	if _, err := objects.Create(ctx, newAgent("one"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	t.Run("authorization", func(t *testing.T) {
		impersonating := func(who user.Info) *rest.Config {
			config := r.inside(t, who)
			config.Impersonate = rest.ImpersonationConfig{UserName: "alice"}
			return config
		}
		for name, config := range map[string]*rest.Config{
			"nobody": r.inside(t, nobody), "nobody as alice": impersonating(nobody), "a master as alice": impersonating(master),
		} {
			_, err := objectsOf(t, config).Resource(agents).Namespace("default").Get(ctx, "one", metav1.GetOptions{})
			if !apierrors.IsForbidden(err) {
				t.Errorf("%s: got %v, want 403", name, err)
			}
		}
	})
	t.Run("admission", func(t *testing.T) {
		in := newAgent("one")
		in.SetNamespace("missing")
		_, err := objectsOf(t, r.inside(t, master)).Resource(agents).Namespace("missing").Create(ctx, in, metav1.CreateOptions{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("a missing namespace: got %v, want 404", err)
		}
	})
	t.Run("validation and sizes", func(t *testing.T) {
		in := newAgent("large")
		in.SetAnnotations(map[string]string{"a": strings.Repeat("x", 4<<20)})
		if _, err := objects.Create(ctx, in, metav1.CreateOptions{}); !apierrors.IsRequestEntityTooLargeError(err) {
			t.Errorf("4 MiB: got %.300v, want 413", err)
		}
		if _, err := objects.Create(ctx, newAgent("No_Name"), metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
			t.Errorf("an invalid name: got %v, want 422", err)
		}
	})
	t.Run("actor", func(t *testing.T) {
		for len(r.actors) > 0 {
			<-r.actors
		}
		config := r.inside(t, master)
		config.Impersonate = rest.ImpersonationConfig{UserName: "alice", Groups: []string{user.SystemPrivilegedGroup}}
		config.UserAgent = "robot/1.0"
		if _, err := objectsOf(t, config).Resource(agents).Namespace("default").Create(ctx, newAgent("actor"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if a := <-r.actors; a.User != "alice" || a.Impersonator != "engine" || a.UserAgent != "robot/1.0" || a.FieldManager != "robot" || a.AuditID == "" {
			t.Errorf("got %+v", a)
		}
	})
	t.Run("metrics", func(t *testing.T) {
		before := r.requests(t)
		for range 7 {
			if _, err := objects.Get(ctx, "one", metav1.GetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.requests(t) - before; n != 7 {
			t.Errorf("of 7 requests, %d were counted", n)
		}
	})
	t.Run("watch", func(t *testing.T) {
		w, err := objects.Watch(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Stop()
		for e := range w.ResultChan() {
			if e.Type == watch.Added && e.Object.(*unstructured.Unstructured).GetName() == "one" {
				return
			}
		}
		t.Error("the watch ended")
	})
	t.Run("informers", func(t *testing.T) {
		core, err := clientset.NewForConfig(r.inside(t, master))
		if err != nil {
			t.Fatal(err)
		}
		factory := informers.NewSharedInformerFactory(core, 0)
		namespaces := factory.Core().V1().Namespaces()
		seen := make(chan string, 100)
		if _, err := namespaces.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(o any) { seen <- o.(*corev1.Namespace).Name }}); err != nil {
			t.Fatal(err)
		}
		informing, stop := context.WithCancel(ctx)
		factory.Start(informing.Done())
		factory.WaitForCacheSync(informing.Done())
		if _, err := core.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "seen"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		for name := range seen {
			if name == "seen" {
				break
			}
		}
		stop()
		factory.Shutdown()
	})
	t.Run("websocket", func(t *testing.T) { watchByWebsocket(t, r) })
	t.Run("leaks", func(t *testing.T) { leakWatches(t, r) })
}

var counted = regexp.MustCompile(`(?m)^apiserver_request_total\{[^}]*resource="agents"[^}]*verb="GET"[^}]*\} (\d+)`)

// requests is how many gets of agents the server has counted.
func (r *running) requests(t *testing.T) int {
	t.Helper()
	body, _ := r.get(t, "/metrics")
	n := 0
	for _, found := range counted.FindAllSubmatch(body, -1) {
		one, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		n += one
	}
	return n
}

// watchByWebsocket reads an event of a watch from a frame of RFC 6455.
func watchByWebsocket(t *testing.T, r *running) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, inprocess.Host+"/apis/ark.mckinsey.com/v1alpha1/agents?watch=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Origin": inprocess.Host, "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		request.Header.Set(name, value)
	}
	answer, err := r.inside(t, master).Transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("got %s, %v", answer.Status, answer.Header)
	}
	frames := bufio.NewReader(answer.Body)
	head := make([]byte, 2)
	if _, err := io.ReadFull(frames, head); err != nil {
		t.Fatal(err)
	}
	length := uint64(head[1])
	switch head[1] {
	case 126:
		var long [2]byte
		_, err = io.ReadFull(frames, long[:])
		length = uint64(binary.BigEndian.Uint16(long[:]))
	case 127:
		var long [8]byte
		_, err = io.ReadFull(frames, long[:])
		length = binary.BigEndian.Uint64(long[:])
	}
	text := make([]byte, length)
	if err == nil {
		_, err = io.ReadFull(frames, text)
	}
	if err != nil || head[0] != 0x81 || !strings.HasPrefix(string(text), `{"type":"ADDED"`) {
		t.Errorf("got %x %.80s, %v", head, text, err)
	}
}

// leakWatches has watches end in the ways that they do, and counts goroutines.
func leakWatches(t *testing.T, r *running) {
	objects := objectsOf(t, r.inside(t, master)).Resource(agents)
	round := func() {
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w, err := objects.Watch(ctx, metav1.ListOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				<-w.ResultChan()
				if i%2 == 0 {
					w.Stop()
				} else {
					cancel()
					for range w.ResultChan() { //nolint:revive // until it ends
					}
				}
			})
		}
		all.Wait()
	}
	round()
	before := settled()
	round()
	round()
	if after := settled(); after > before+20 {
		t.Errorf("%d goroutines before 400 watches, %d after", before, after)
	}
}

// settled is the number of goroutines once it no longer falls.
func settled() int {
	n := runtime.NumGoroutine()
	for unchanged := 0; unchanged < 10; {
		time.Sleep(20 * time.Millisecond)
		if now := runtime.NumGoroutine(); now < n {
			n, unchanged = now, 0
		} else {
			unchanged++
		}
	}
	return n
}

// A client that is made before the server runs waits for it. When the server stops, watches end,
// what is under way is answered, and what comes later is refused.
func TestInProcessFromBeginningToEnd(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	endpoint := etcdserver.New(store, etcdserver.Options{})
	defer endpoint.Stop()
	backend, err := storage.NewClient(ctx, storage.ClientOptions{NewClient: func() (*etcdkubernetes.Client, error) { return direct.NewClient(endpoint), nil }})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := New(Options{Listener: listener, KeysDir: filepath.Join(dir, "keys"), Kubeconfig: filepath.Join(dir, "kubeconfig")}, backend)
	if err != nil {
		t.Fatal(err)
	}
	config, err := server.InProcess.Config(master)
	if err != nil {
		t.Fatal(err)
	}
	objects := objectsOf(t, config).Resource(agents).Namespace("default")
	early := make(chan error, 1)
	go func() {
		_, err := objects.List(t.Context(), metav1.ListOptions{})
		early <- err
	}()
	select {
	case err := <-early:
		t.Fatalf("the server answered before it ran: %v", err)
	case <-time.After(100 * time.Millisecond): // a call that does not wait would be over
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	if err := <-early; err != nil {
		t.Fatal(err)
	}
	if err := server.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	w, err := objects.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// A create whose body has come in half.
	out, in := io.Pipe()
	underWay := make(chan error, 1)
	go func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, inprocess.Host+"/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents", out)
		if err != nil {
			underWay <- err
			return
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := config.Transport.RoundTrip(request)
		if err != nil {
			underWay <- err
			return
		}
		text, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusCreated {
			err = errors.Join(err, fmt.Errorf("%s: %s", answer.Status, text))
		}
		underWay <- err
	}()
	text, err := newAgent("late").MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(text[:1]); err != nil { // returns once the handler has read it
		t.Fatal(err)
	}
	stop()
	for range w.ResultChan() { //nolint:revive // until it ends
	}
	for {
		_, err := objects.Get(t.Context(), "one", metav1.GetOptions{})
		if errors.Is(err, inprocess.ErrStopping) {
			break
		}
		if !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("the server ended with a request under way: %v", err)
	default:
	}
	if _, err := in.Write(text[1:]); err != nil {
		t.Error(err)
	}
	in.Close()
	if err := <-underWay; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := backend.Close(); err != nil {
		t.Error(err)
	}
}

// A server that never runs lets go of the clients that wait for it.
func TestInProcessOfAServerThatNeverRuns(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	endpoint := etcdserver.New(store, etcdserver.Options{})
	defer endpoint.Stop()
	backend, err := storage.NewClient(ctx, storage.ClientOptions{NewClient: func() (*etcdkubernetes.Client, error) { return direct.NewClient(endpoint), nil }})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := New(Options{Listener: listener, KeysDir: filepath.Join(dir, "keys"), Kubeconfig: filepath.Join(dir, "kubeconfig")}, backend)
	if err != nil {
		t.Fatal(err)
	}
	config, err := server.InProcess.Config(master)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := objectsOf(t, config).Resource(agents).List(context.WithoutCancel(ctx), metav1.ListOptions{})
		waiting <- err
	}()
	stop()
	if err := server.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, inprocess.ErrStopping) {
		t.Errorf("got %v", err)
	}
	if err := backend.Close(); err != nil {
		t.Error(err)
	}
}
