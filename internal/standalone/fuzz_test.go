package standalone

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// FuzzRequests sends what a client might, and what none would, to the whole
// handler stack: whatever comes, the answer is not 500, and nothing panics.
func FuzzRequests(f *testing.F) {
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"}
	contentTypes := []string{
		"application/json", "application/yaml", "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml",
		"application/strategic-merge-patch+json", "application/vnd.kubernetes.protobuf", "application/cbor", "text/plain", "", "application/json;;",
	}
	accepts := []string{"", "application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/vnd.kubernetes.protobuf,application/json",
		"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "application/yaml", "*/*", "nonsense", "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
	const (
		get, post, put, patch, remove = 0, 1, 2, 3, 4
		queries                       = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
		query                         = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"q"},"spec":{"input":"x","selector":{}}}`
	)
	for _, sample := range registrytest.Samples() {
		body := `{"apiVersion":"ark.mckinsey.com/` + sample.Version + `","kind":"` + sample.Kind + `","metadata":{"generateName":"a-"},"spec":` + sample.Spec + `}`
		f.Add(byte(post), "/apis/ark.mckinsey.com/"+sample.Version+"/namespaces/default/"+sample.Plural, "fieldValidation=Strict", byte(0), byte(0), []byte(body))
	}
	f.Add(byte(get), queries, "limit=1&fieldSelector=status.phase=done", byte(9), byte(2), []byte(nil))
	f.Add(byte(get), queries, "sortBy=.status.phase", byte(9), byte(1), []byte(nil))
	f.Add(byte(get), queries, "watch=true&timeoutSeconds=1&resourceVersion=1", byte(9), byte(1), []byte(nil))
	f.Add(byte(get), queries, "resourceVersion=0&resourceVersionMatch=Exact&continue=x", byte(9), byte(1), []byte(nil))
	f.Add(byte(get), queries, "labelSelector=a in (b,c),!d", byte(9), byte(4), []byte(nil))
	f.Add(byte(post), queries, "dryRun=All", byte(1), byte(0), []byte("apiVersion: ark.mckinsey.com/v1alpha1\nkind: Query\nspec: {input: x, type: messages}\n"))
	f.Add(byte(put), queries+"/q", "", byte(0), byte(0), []byte(query))
	f.Add(byte(put), queries+"/q/status", "", byte(0), byte(0), []byte(strings.Replace(query, `"spec"`, `"status":{"phase":"done"},"spec"`, 1)))
	f.Add(byte(patch), queries+"/q", "fieldManager=f&force=true", byte(4), byte(0), []byte(query))
	f.Add(byte(patch), queries+"/q", "", byte(2), byte(0), []byte(`{"spec":{"target":{"type":"agent","name":"a"}}}`))
	f.Add(byte(patch), queries+"/q", "", byte(3), byte(0), []byte(`[{"op":"replace","path":"/spec/input","value":["x"]},{"op":"test","path":"/a"}]`))
	f.Add(byte(patch), queries+"/q/status", "", byte(2), byte(0), []byte(`{"status":{"conditions":[{"type":"A"}]}}`))
	f.Add(byte(remove), queries+"/q", "", byte(0), byte(0), []byte(`{"propagationPolicy":"Orphan","preconditions":{"uid":"x"}}`))
	f.Add(byte(remove), queries, "labelSelector=a=b", byte(0), byte(0), []byte(`{"gracePeriodSeconds":-1}`))
	f.Add(byte(get), "/apis/ark.mckinsey.com/v1alpha1/queries/", "", byte(0), byte(0), []byte(nil))
	f.Add(byte(get), "/openapi/v3/apis/ark.mckinsey.com/v1alpha1", "hash=x", byte(0), byte(0), []byte(nil))
	f.Add(byte(get), "/apis/ark.mckinsey.com/v1alpha1/watch/namespaces/default/queries/q", "timeoutSeconds=1", byte(0), byte(0), []byte(nil))

	r := start(f, f.TempDir())
	f.Fuzz(func(t *testing.T, method byte, path, query string, contentType, accept byte, body []byte) {
		if strings.Contains(path, "/debug/") || !strings.HasPrefix(path, "/") || len(path) > 2000 || len(query) > 2000 || len(body) > 1<<16 {
			t.Skip()
		}
		r.endures(t, methods[int(method)%len(methods)], path, query, contentTypes[int(contentType)%len(contentTypes)], accepts[int(accept)%len(accepts)], body)
	})
}

// FuzzObjects sends objects and patches of every kind, whole and broken, to where they belong.
func FuzzObjects(f *testing.F) {
	writes := []struct{ method, suffix, query, contentType string }{
		{"POST", "", "", "application/json"},
		{"POST", "", "dryRun=All", "application/yaml"},
		{"PUT", "/there", "", "application/json"},
		{"PUT", "/there/status", "", "application/json"},
		{"PATCH", "/there", "", "application/merge-patch+json"},
		{"PATCH", "/there", "", "application/json-patch+json"},
		{"PATCH", "/there", "fieldManager=fuzz&force=true", "application/apply-patch+yaml"},
		{"PATCH", "/there/status", "", "application/merge-patch+json"},
		{"PATCH", "/there/status", "fieldManager=fuzz&force=true", "application/apply-patch+yaml"},
		{"DELETE", "/other", "dryRun=All", "application/json"},
	}
	r := start(f, f.TempDir())
	samples := registrytest.Samples()
	collection := func(s registrytest.Sample) string {
		if s.ClusterScoped {
			return "/apis/ark.mckinsey.com/" + s.Version + "/" + s.Plural
		}
		return "/apis/ark.mckinsey.com/" + s.Version + "/namespaces/default/" + s.Plural
	}
	for i, s := range samples {
		text := func(name, status string) []byte {
			return []byte(`{"apiVersion":"ark.mckinsey.com/` + s.Version + `","kind":"` + s.Kind + `","metadata":{"name":"` + name + `","labels":{"a":"b"}},"spec":` + s.Spec + status + `}`)
		}
		for _, o := range s.NeededObjects("default") {
			body, err := json.Marshal(o)
			if err != nil {
				f.Fatal(err)
			}
			path := "/api/v1/namespaces/default/secrets"
			for _, other := range samples {
				if o["kind"] == other.Kind {
					path = collection(other)
				}
			}
			r.serve(f.Context(), "POST", path, "", "application/json", "", body) // may be there
		}
		for _, name := range []string{"there", "other"} {
			if a := r.serve(f.Context(), "POST", collection(s), "", "application/json", "", text(name, "")); a.Code != http.StatusCreated {
				f.Fatalf("create %s: %d: %s", s.Plural, a.Code, a.Body)
			}
		}
		for j, w := range writes {
			body := text("there", `,"status":`+s.Status)
			switch w.contentType {
			case "application/merge-patch+json":
				body = []byte(`{"spec":` + s.Changed + `,"status":` + s.Status + `}`)
			case "application/json-patch+json":
				body = []byte(`[{"op":"add","path":"/spec/x","value":` + s.Changed + `},{"op":"remove","path":"/metadata/labels/a"},{"op":"move","from":"/spec","path":"/status"}]`)
			}
			f.Add(byte(i), byte(j), "fieldValidation=Strict", body)
		}
	}
	f.Fuzz(func(t *testing.T, kind, write byte, query string, body []byte) {
		if len(query) > 2000 || len(body) > 1<<16 {
			t.Skip()
		}
		w := writes[int(write)%len(writes)]
		r.endures(t, w.method, collection(samples[int(kind)%len(samples)])+w.suffix, w.query+"&"+query, w.contentType, "", body)
	})
}

// endures fails the test if the server's answer is its own fault.
func (r *running) endures(t *testing.T, method, path, query, contentType, accept string, body []byte) {
	t.Helper()
	timeout := 20 * time.Second
	if strings.Contains(strings.ToLower(path+query), "watch") {
		timeout = 50 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	a := r.serve(ctx, method, path, query, contentType, accept, body)
	if a.Code >= http.StatusInternalServerError && ctx.Err() == nil && a.Code != http.StatusNotImplemented {
		t.Errorf("%s %s?%s (%s): %d: %s", method, path, query, contentType, a.Code, a.Body.String())
	}
}

// serve has the handlers answer a request of the admin's, without a connection.
func (r *running) serve(ctx context.Context, method, path, query, contentType, accept string, body []byte) *httptest.ResponseRecorder {
	request := (&http.Request{
		Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: "localhost", RequestURI: path,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "127.0.0.1:1", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}).WithContext(ctx)
	request.Header.Set("Authorization", "Bearer "+r.config.BearerToken)
	request.Header.Set("User-Agent", "fuzz")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	recorder := httptest.NewRecorder()
	r.server.Generic.Handler.ServeHTTP(closeNotifier{recorder}, request)
	return recorder
}

// closeNotifier is an answer that the stock code takes for one over HTTP/1.1,
// which it sends watch events on.
type closeNotifier struct {
	*httptest.ResponseRecorder
}

func (closeNotifier) CloseNotify() <-chan bool { return nil }
