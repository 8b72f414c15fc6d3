package filters

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/heap"
)

// Near the limit what needs memory for long is refused, and what frees it is not.
func TestMemory(t *testing.T) {
	resolver := &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	serializer := serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	const path = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
	for _, c := range []struct {
		pressure     heap.Pressure
		method, path string
		refused      string
	}{
		{heap.Low, "GET", path, ""},
		{heap.High, "GET", path, "lists without a limit"},
		{heap.High, "GET", path + "?limit=500", ""},
		{heap.High, "GET", path + "?watch=true", "new watches"},
		{heap.High, "GET", path + "?watch=true&limit=500", "new watches"},
		{heap.High, "GET", path + "/q", ""},
		{heap.High, "POST", path, ""},
		{heap.High, "DELETE", path, ""},
		{heap.High, "GET", "/readyz", ""},
		{heap.Full, "POST", path, "new objects"},
		{heap.Full, "PUT", path + "/q", ""},
		{heap.Full, "DELETE", path + "/q", ""},
	} {
		var served bool
		var shed []string
		handler := withMemory(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }), serializer,
			func(*http.Request) heap.Pressure { return c.pressure }, func(verb string) { shed = append(shed, verb) })
		r := httptest.NewRequest(c.method, c.path, nil)
		info, err := resolver.NewRequestInfo(r)
		if err != nil {
			t.Fatal(err)
		}
		ctx := request.WithRequestInfo(r.Context(), info)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r.WithContext(ctx))
		if served != (c.refused == "") || len(shed) > 0 == served {
			t.Errorf("%v: served %t, counted %v", c, served, shed)
		}
		if c.refused != "" && (w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), c.refused)) {
			t.Errorf("%v: %d %s", c, w.Code, w.Body)
		}
	}
}
