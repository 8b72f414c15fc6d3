package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// testers may do anything, but are no masters.
const testers = "testers"

func allowTesters(o *Options) { o.allowed = []string{testers} }

// as returns the admin's configuration to act as a tester, with separate connections.
func (r *running) as(name string) *rest.Config {
	config := rest.CopyConfig(r.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{testers}}
	// A configuration with its own dial function has separate connections.
	config.Dial = (&net.Dialer{}).DialContext
	return config
}

func transport(t testing.TB, config *rest.Config) http.RoundTripper {
	t.Helper()
	made, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func dynamicFor(t testing.TB, config *rest.Config) dynamic.Interface {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

const agentsPath = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents"

// Each request is served by the flow schema that it is meant for.
func TestFlowSchemas(t *testing.T) {
	r := start(t, t.TempDir(), allowTesters)
	schemas, err := r.core.FlowcontrolV1().FlowSchemas().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, s := range schemas.Items {
		names[string(s.UID)] = s.Name
		for _, c := range s.Status.Conditions {
			if c.Type == flowcontrolv1.FlowSchemaConditionDangling && c.Status == flowcontrolv1.ConditionTrue {
				t.Errorf("flow schema %s has no priority level: %s", s.Name, c.Message)
			}
		}
	}
	for _, c := range []struct {
		name   string
		config *rest.Config
		path   string
		want   string
	}{
		{"the admin", r.config, agentsPath, "exempt"},
		{"a user", r.as("alice"), agentsPath, "global-default"},
		{"a probe", rest.AnonymousClientConfig(r.config), "/readyz", "probes"},
		{"nobody", rest.AnonymousClientConfig(r.config), agentsPath, "global-default"},
	} {
		got := ""
		// The server may be ready a moment before it goes by schemas that it has just made.
		for deadline := time.Now().Add(20 * time.Second); got != c.want && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.config.Host+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := transport(t, c.config).RoundTrip(request)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if err := answer.Body.Close(); err != nil {
				t.Error(err)
			}
			got = names[answer.Header.Get(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID)]
		}
		if got != c.want {
			t.Errorf("%s was served by the flow schema %q, want %q", c.name, got, c.want)
		}
	}
}

// Requests whose bodies do not arrive delay no other requests.
func TestSlowBodiesHoldNoSeats(t *testing.T) {
	r := start(t, t.TempDir(), allowTesters)
	ctx, cancel := context.WithCancel(t.Context())
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	const perConnection = 50 // fewer than the server lets be under way on one
	for begun := 0; begun < 4*seats(); begun += perConnection {
		alice := transport(t, r.as("alice"))
		for range perConnection {
			body, end := io.Pipe()
			context.AfterFunc(ctx, func() { _ = end.CloseWithError(errors.New("given up")) })
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.config.Host+agentsPath, body)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			sending.Go(func() {
				if answer, err := alice.RoundTrip(request); err == nil {
					t.Errorf("a request without the end of its body was answered: %s", answer.Status)
					_ = answer.Body.Close()
				}
			})
			if _, err := io.WriteString(end, "{"); err != nil { // returns once the request is sent
				t.Fatal(err)
			}
		}
	}
	// A request would wait 15 s for a seat, and then be refused.
	soon, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	bob := dynamicFor(t, r.as("bob")).Resource(agents).Namespace("default")
	object := &unstructured.Unstructured{Object: registrytest.Of("Agent").Object("default", "one")}
	if _, err := bob.Create(soon, object, metav1.CreateOptions{}); err != nil {
		t.Errorf("create beside slow requests of another user: %v", err)
	}
	if _, err := bob.Get(soon, "one", metav1.GetOptions{}); err != nil {
		t.Errorf("get beside slow requests of another user: %v", err)
	}
}

// A body that is read ahead is the one that was sent, whatever its length.
func TestBodiesAhead(t *testing.T) {
	r := start(t, t.TempDir(), allowTesters)
	alice := dynamicFor(t, r.as("alice")).Resource(agents).Namespace("default")
	for _, size := range []int{0, 1, 32 << 10, 100 << 10, 1 << 20} {
		object := &unstructured.Unstructured{Object: registrytest.Of("Agent").Object("default", fmt.Sprintf("of-%d", size))}
		note := strings.Repeat("x", min(size, 200<<10))
		object.SetAnnotations(map[string]string{"note": note})
		if err := unstructured.SetNestedField(object.Object, "p"+strings.Repeat("y", size), "spec", "prompt"); err != nil {
			t.Fatal(err)
		}
		made, err := alice.Create(t.Context(), object, metav1.CreateOptions{})
		if err != nil {
			t.Errorf("create with %d bytes: %v", size, err)
			continue
		}
		if prompt, _, _ := unstructured.NestedString(made.Object, "spec", "prompt"); len(prompt) != size+1 || made.GetAnnotations()["note"] != note {
			t.Errorf("of %d bytes %d were stored", size+1, len(prompt))
		}
	}
	over := &unstructured.Unstructured{Object: registrytest.Of("Agent").Object("default", "over")}
	if err := unstructured.SetNestedField(over.Object, strings.Repeat("z", 4<<20), "spec", "prompt"); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Create(t.Context(), over, metav1.CreateOptions{}); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("create with 4 MiB: %v", err)
	}
}

// BenchmarkFairness prints how long one user's requests take under another user's load, in
// multiples of what they take alone: with the seats that there are, with others, and with so many
// that no request queues.
func BenchmarkFairness(b *testing.B) {
	for _, n := range []int{16, seats(), 64, 256, 1 << 20} {
		b.Run(fmt.Sprintf("seats-%d", n), func(b *testing.B) {
			r := start(b, b.TempDir(), allowTesters, func(o *Options) { o.seats = n })
			alone := r.quiet(b, 3*time.Second)
			stop, rate := r.load(b, 256)
			time.Sleep(time.Second)
			beside := r.quiet(b, 5*time.Second)
			writes := rate()
			stop()
			for _, q := range []float64{0.5, 0.99} {
				b.ReportMetric(float64(quantile(beside, q))/float64(quantile(alone, q)), fmt.Sprintf("p%g-ratio", 100*q))
				b.ReportMetric(float64(quantile(beside, q).Microseconds())/1000, fmt.Sprintf("p%g-ms", 100*q))
			}
			b.ReportMetric(writes, "loads/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// quiet writes and reads as one user, one request after the other. It returns how long each took.
func (r *running) quiet(b *testing.B, length time.Duration) []time.Duration {
	b.Helper()
	bob := dynamicFor(b, r.as("bob")).Resource(agents).Namespace("default")
	object := &unstructured.Unstructured{Object: registrytest.Of("Agent").Object("default", fmt.Sprintf("bob-%d", time.Now().UnixNano()))}
	object, err := bob.Create(b.Context(), object, metav1.CreateOptions{})
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for end := time.Now().Add(length); time.Now().Before(end); {
		begin := time.Now()
		object.SetAnnotations(map[string]string{"at": begin.String()})
		if object, err = bob.Update(b.Context(), object, metav1.UpdateOptions{}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
		begin = time.Now()
		if _, err := bob.Get(b.Context(), object.GetName(), metav1.GetOptions{}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	return took
}

// load is another user, who sends as many requests at a time as clients are given. rate is what has
// been served of them a second so far.
func (r *running) load(b *testing.B, clients int) (stop func(), rate func() float64) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	var mu sync.Mutex
	served, began := 0, time.Now()
	const perConnection = 32
	var alice dynamic.ResourceInterface
	for c := range clients {
		if c%perConnection == 0 {
			alice = dynamicFor(b, r.as("alice")).Resource(agents).Namespace("default")
		}
		client := alice
		running.Go(func() {
			object := &unstructured.Unstructured{Object: registrytest.Of("Agent").Object("default", fmt.Sprintf("alice-%d", c))}
			object, err := client.Create(ctx, object, metav1.CreateOptions{})
			for i := 0; err == nil; i++ {
				object.SetAnnotations(map[string]string{"at": fmt.Sprint(i)})
				if object, err = client.Update(ctx, object, metav1.UpdateOptions{}); err == nil {
					mu.Lock()
					served++
					mu.Unlock()
				}
			}
			if ctx.Err() == nil {
				b.Errorf("the load: %v", err)
			}
		})
	}
	stop = func() { cancel(); running.Wait() }
	rate = func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return float64(served) / time.Since(began).Seconds()
	}
	return stop, rate
}

func quantile(took []time.Duration, q float64) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, int(q*float64(len(took))))]
}
