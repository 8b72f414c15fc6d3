package standalone

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// BenchmarkInProcess compares the processor time of a request, of both sides, through the port
// (TLS, HTTP/2, a token) and in the process, in turns. For events of watches it is what each adds
// to the write that makes them.
func BenchmarkInProcess(b *testing.B) {
	r := start(b, b.TempDir())
	ctx := b.Context()
	port := rest.CopyConfig(r.config)
	port.DisableCompression = true
	configs := []*rest.Config{port, r.inside(b, master)}
	seed := objectsOf(b, configs[1]).Resource(agents).Namespace("default")
	agent := newAgent("")
	for i := range 100 {
		agent.SetName(fmt.Sprint("a", i))
		if _, err := seed.Create(ctx, agent, metav1.CreateOptions{}); err != nil {
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
			client := raw(config)
			object, err := seed.Get(ctx, "a2", metav1.GetOptions{})
			if err != nil {
				b.Fatal(err)
			}
			object.SetResourceVersion("")
			object.SetAnnotations(map[string]string{"n": "number"})
			text, err := object.MarshalJSON()
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			return func() error {
				n++
				body := bytes.Replace(text, []byte(`"number"`), fmt.Appendf(nil, `"%s %d"`, config.Host, n), 1)
				return client.Put().AbsPath(path + "/a2").Body(body).Do(ctx).Error()
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) { inTurns(b, 50, c.make(configs[0]), c.make(configs[1])) })
	}
	b.Run("watch event", func(b *testing.B) {
		watchEvents(b, configs, func(config *rest.Config, from string) io.ReadCloser {
			stream, err := raw(config).Get().AbsPath(path).Param("watch", "true").Param("fieldSelector", "metadata.name=a3").Param("resourceVersion", from).Stream(ctx)
			if err != nil {
				b.Fatal(err)
			}
			return stream
		}, seed)
	})
}

// inTurns calls two functions, so many times in each turn, and reports what they took of the
// processors.
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

func watchEvents(b *testing.B, configs []*rest.Config, open func(config *rest.Config, from string) io.ReadCloser, writer dynamic.ResourceInterface) {
	const watches, writes = 50, 20
	object, err := writer.Get(b.Context(), "a3", metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	written := 0
	// round writes, and returns the processor time until all watches have all events.
	round := func(config *rest.Config) time.Duration {
		seen := make(chan struct{}, watches*writes)
		if config != nil {
			for range watches {
				stream := open(config, object.GetResourceVersion())
				defer stream.Close()
				go func() {
					events := bufio.NewReader(stream)
					for {
						if _, err := events.ReadSlice('\n'); err == nil {
							seen <- struct{}{}
						} else if !errors.Is(err, bufio.ErrBufferFull) {
							return
						}
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
