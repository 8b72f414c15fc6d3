package standalone

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

// BenchmarkInProcess compares the processor time of a request, of both sides, through the port (TLS, HTTP/2, a token) and in the
// process, in turns. For events of watches it is what each adds to the write that makes them.
func BenchmarkInProcess(b *testing.B) {
	r := start(b, b.TempDir())
	ctx := b.Context()
	port := rest.CopyConfig(r.config)
	port.DisableCompression = true
	configs := []*rest.Config{port, r.as(b, master)}
	seed := objectsOf(b, configs[1]).Resource(agents).Namespace("default")
	for i := range 100 {
		if _, err := seed.Create(ctx, newAgent(fmt.Sprint("a", i)), metav1.CreateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	raw := func(config *rest.Config) rest.Interface {
		client, err := rest.UnversionedRESTClientFor(rawConfig(config))
		if err != nil {
			b.Fatal(err)
		}
		return client
	}
	const path = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents"
	get := func(path string) func(*rest.Config) func() error {
		return func(config *rest.Config) func() error {
			client := raw(config)
			return func() error { return client.Get().AbsPath(path).Do(ctx).Error() }
		}
	}
	for _, c := range []struct {
		name string
		make func(*rest.Config) func() error
	}{
		{"version", get("/version")},
		{"get", get(path + "/a1")},
		{"get, decoded", func(config *rest.Config) func() error {
			client := objectsOf(b, config).Resource(agents).Namespace("default")
			return func() error {
				_, err := client.Get(ctx, "a1", metav1.GetOptions{})
				return err
			}
		}},
		{"list of 100", get(path)},
		{"update", func(config *rest.Config) func() error {
			client := objectsOf(b, config).Resource(agents).Namespace("default")
			object, err := client.Get(ctx, "a2", metav1.GetOptions{})
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			return func() error {
				n++
				object.SetResourceVersion("")
				object.SetAnnotations(map[string]string{"n": fmt.Sprint(config.Host, n)})
				var err error
				object, err = client.Update(ctx, object, metav1.UpdateOptions{})
				return err
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) { inTurns(b, 50, c.make(configs[0]), c.make(configs[1])) })
	}
	b.Run("watch event", func(b *testing.B) { watchEvents(b, configs, seed) })
}

// inTurns calls two functions, so many times in each turn, and reports what they took of the processors.
func inTurns(b *testing.B, each int, calls ...func() error) {
	b.Helper()
	spent, n := make([]time.Duration, len(calls)), 0
	for _, call := range calls {
		for range each { // warm up
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		for i, call := range calls {
			begin := cpu(b)
			for range each {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += cpu(b) - begin
		}
		n += each
	}
	reportRatio(b, spent, n)
}

func reportRatio(b *testing.B, spent []time.Duration, n int) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(spent[0].Microseconds())/float64(n), "port-µs/op")
	b.ReportMetric(float64(spent[1].Microseconds())/float64(n), "inprocess-µs/op")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "ratio")
}

func watchEvents(b *testing.B, configs []*rest.Config, writer interface {
	Update(context.Context, *unstructured.Unstructured, metav1.UpdateOptions, ...string) (*unstructured.Unstructured, error)
	Get(context.Context, string, metav1.GetOptions, ...string) (*unstructured.Unstructured, error)
}) {
	const watches, writes = 50, 20
	object, err := writer.Get(b.Context(), "a3", metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	written := 0
	// round writes, and returns the processor time until all watches have all events.
	round := func(config *rest.Config) time.Duration {
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		seen := make(chan struct{}, watches*writes)
		if config != nil {
			for range watches {
				w, err := objectsOf(b, config).Resource(agents).Namespace("default").Watch(ctx, metav1.ListOptions{ResourceVersion: object.GetResourceVersion(), FieldSelector: "metadata.name=a3"})
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					for range w.ResultChan() {
						seen <- struct{}{}
					}
				}()
			}
		}
		time.Sleep(50 * time.Millisecond) // until the watches wait
		begin := cpu(b)
		for range writes {
			written++
			object.SetAnnotations(map[string]string{"n": fmt.Sprint(written)})
			if object, err = writer.Update(b.Context(), object, metav1.UpdateOptions{}); err != nil {
				b.Fatal(err)
			}
		}
		if config != nil {
			for range watches * writes {
				<-seen
			}
		}
		return cpu(b) - begin
	}
	spent, n := make([]time.Duration, 2), 0
	for b.Loop() {
		for i, config := range configs {
			spent[i] += round(config) - round(nil)
		}
		n += watches * writes
	}
	reportRatio(b, spent, n)
}
