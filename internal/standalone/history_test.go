package standalone

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// The watch cache keeps a window of events by time, and so many more of small objects than of
// large ones. The stock cache would keep as many of either.
func TestHistoryIsBoundedByBytes(t *testing.T) {
	r := start(t, t.TempDir())
	transport, err := rest.TransportFor(r.config)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	send := func(method, path, contentType, body string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, r.config.Host+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", contentType)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode >= 300 {
			t.Fatalf("%s %s: %s", method, path, response.Status)
		}
	}
	capacity := func(resource string) int {
		t.Helper()
		body, _ := r.get(t, "/metrics")
		found := regexp.MustCompile(`(?m)^(?:apiserver_)?watch_cache_capacity\{.*resource="` + resource + `".*\} (\d+)$`).FindSubmatch(body)
		if found == nil {
			t.Fatalf("no metric of the watch cache's capacity for %s", resource)
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const events = 150 // more than a cache keeps at least
	change := func(resource, first, field string, size int) {
		path := "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/" + resource
		send("POST", path, "application/json", first)
		for i := range events {
			send("PATCH", path+"/a", "application/merge-patch+json", fmt.Sprintf(`{"spec":{%q:%q}}`, field, strconv.Itoa(i)+strings.Repeat("x", size)))
		}
	}
	agent := `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"a"},"spec":{"prompt":"p"}}`
	query := `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"a"},"spec":{"input":"x","target":{"type":"agent","name":"a"}}}`
	change("agents", agent, "description", 10)
	change("queries", query, "input", 1<<20)
	small, large := capacity("agents"), capacity("queries")
	if small <= 100 {
		t.Errorf("%d small events left the capacity at %d: the test measures nothing", events, small)
	}
	if large > 100 {
		t.Errorf("%d events of 1 MiB have grown the capacity to %d", events, large)
	}
}
