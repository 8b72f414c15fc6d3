package cluster

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// A server that is told to stop turns unready first, answers everything that still comes, finishes
// what is in flight (also what is slower than the delay), ends watches without an error, and only
// then refuses connections. A second replica on the same storage takes over.
func TestShutdown(t *testing.T) {
	e := newCluster(t, component.ClusterOptions{})
	e.prepare(t)
	// Two replicas share the cluster's etcd here: any storage that can be shared would do.
	e.options.EtcdServers = e.cluster.Etcd.URL
	e.options.Args = []string{"--shutdown-delay-duration=2s", "--shutdown-watch-termination-grace-period=5s"}
	e.startArk(t)
	first := e.ark
	port, err := component.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	e.options.Port = port
	e.startArk(t)
	second := e.ark
	defer second.Kill()
	defer first.Kill()

	admin, err := e.cluster.CertUser("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	e.ark = first
	toFirst := e.direct(admin)
	e.ark = second
	toSecond := e.direct(admin)
	e.run(t, "create", "namespace", "draining")
	e.slowWebhook(t)

	const agents = "/apis/ark.mckinsey.com/v1alpha1/namespaces/draining/agents"
	if code, body := post(t, toSecond, agents, "first"); code != 201 {
		t.Fatalf("create: %d %s", code, body)
	}
	watched := make(chan error, 1)
	watching := make(chan struct{})
	go func() { watched <- watchToEnd(toFirst, agents, watching) }()
	<-watching
	slow := make(chan string, 1)
	entered := e.slow.entered
	go func() {
		code, body := post(t, toFirst, agents, "slow")
		slow <- fmt.Sprintf("%d %s", code, body)
	}()
	<-entered

	// Readers and writers, each request on a connection of its own as well as over kept ones.
	var load sync.WaitGroup
	var served, retry, refused, inLine atomic.Int64
	faults := make(chan string, 1000)
	stop := make(chan struct{})
	for i := range 8 {
		config := toFirst
		if i%2 == 0 {
			config = rest.CopyConfig(toFirst)
			config.Dial = (&net.Dialer{}).DialContext // a transport of its own
		}
		client, err := rest.HTTPClientFor(config)
		if err != nil {
			t.Fatal(err)
		}
		load.Go(func() {
			waited := false
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				method, body := http.MethodGet, ""
				if i >= 4 {
					method, body = http.MethodPost, agent(fmt.Sprintf("a-%d-%d", i, n))
				}
				response, connected, err := ask(client, method, config.Host+agents, body)
				switch {
				case errors.Is(err, syscall.ECONNREFUSED):
					refused.Add(1)
					return
				case errors.Is(err, syscall.ECONNRESET) && !connected && !waited:
					// The kernel had put the connection in line, and no request was sent on
					// it, when the server stopped listening. The next one is refused.
					waited = true
					inLine.Add(1)
					continue
				case err != nil:
					faults <- err.Error()
					continue
				case waited && i%2 == 0: // it has no other connection
					faults <- "a connection was taken after one in line had been reset"
				}
				answer, err := io.ReadAll(response.Body)
				response.Body.Close()
				switch {
				case err != nil:
					faults <- "body: " + err.Error()
				case response.StatusCode == 429 && response.Header.Get("Retry-After") != "":
					retry.Add(1)
					time.Sleep(10 * time.Millisecond)
				case response.StatusCode >= 300:
					faults <- fmt.Sprintf("%d %s", response.StatusCode, answer)
				default:
					served.Add(1)
					if i%2 == 0 {
						client.CloseIdleConnections()
					}
				}
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	before := served.Load()
	if err := syscall.Kill(first.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "unready", func() error {
		if code, _ := fetch(t, toFirst, "/readyz"); code != 500 {
			return fmt.Errorf("readyz %d", code)
		}
		return nil
	})
	if code, body := fetch(t, toFirst, "/livez"); code != 200 {
		t.Errorf("livez while draining: %d %s", code, body)
	}
	if code, body := fetch(t, toFirst, agents); code != 200 {
		t.Errorf("a request while draining: %d %s", code, body)
	}
	time.Sleep(3 * time.Second) // beyond the delay: the slow request is still in flight
	close(e.slow.release)
	if got := <-slow; !strings.HasPrefix(got, "201 ") {
		t.Errorf("the request in flight: %s", got)
	}
	if err := <-watched; err != nil {
		t.Errorf("the watch: %v", err)
	}
	if code := first.ExitCode(); code != 0 {
		t.Errorf("exit code %d: %s", code, first.Stderr())
	}
	close(stop)
	load.Wait()
	close(faults)
	for fault := range faults {
		t.Errorf("a request failed: %s", fault)
	}
	t.Logf("%d served before SIGTERM, %d after it, %d told to retry, %d connections refused at the end, %d of them a second time", before, served.Load()-before, retry.Load(), refused.Load(), inLine.Load())
	if served.Load() == before {
		t.Error("nothing was served while draining")
	}
	// All that was acknowledged is there, at the other replica.
	if code, body := fetch(t, toSecond, agents+"/slow"); code != 200 {
		t.Errorf("the slow one at the second replica: %d %s", code, body)
	}
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
}

// slowHook holds the creation of the agent "slow" until it is released.
type slowHook struct {
	entered, release chan struct{}
}

func (e *env) slowWebhook(t *testing.T) {
	t.Helper()
	e.slow = &slowHook{entered: make(chan struct{}), release: make(chan struct{})}
	var once sync.Once
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(e.slow.entered) })
		<-e.slow.release
		hook(w, r)
	}))
	t.Cleanup(server.Close)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	e.apply(t, fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: slow}
webhooks:
- name: slow.example.com
  clientConfig: {url: "%s/validate", caBundle: %s}
  sideEffects: None
  admissionReviewVersions: [v1]
  failurePolicy: Fail
  timeoutSeconds: 30
  rules: [{apiGroups: [ark.mckinsey.com], apiVersions: ["*"], operations: [CREATE], resources: [agents]}]
  matchConditions: [{name: slow, expression: "object.metadata.name == 'slow'"}]
`, server.URL, ca), "apply", "-f", "-")
	time.Sleep(2 * time.Second) // for the server to follow; the test hangs, and so fails, if it has not
}

func post(t *testing.T, user *rest.Config, path, name string) (int, string) {
	client, err := rest.HTTPClientFor(user)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	r, err := client.Post(user.Host+path, "application/yaml", strings.NewReader(agent(name)))
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(body)
}

// watchToEnd reads a watch until the server ends it; a cut connection is an error.
func watchToEnd(user *rest.Config, path string, started chan<- struct{}) error {
	client, err := rest.HTTPClientFor(user)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, user.Host+path+"?watch=true", nil)
	if err != nil {
		return err
	}
	r, err := client.Do(request)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	close(started)
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

// ask sends a request, and reports whether there was a connection for it.
func ask(client *http.Client, method, url, body string) (response *http.Response, connected bool, err error) {
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	request.Header.Set("Content-Type", "application/yaml")
	response, err = client.Do(request)
	return response, connected, err
}
