package filters

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
)

// Failures of the server are logged with their ids, others and probes are not, and a flood
// is counted instead.
func TestFailureLog(t *testing.T) {
	var lines []string
	log := func(message string, keysAndValues ...any) {
		lines = append(lines, fmt.Sprintln(append([]any{message}, keysAndValues...)...))
	}
	handler := withSender(withFailureLog(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s, ok := r.Context().Value(senderKey{}).(*sender); ok {
			s.is(&user.DefaultInfo{Name: "ada"})
			s.traced("0af7651916cd43dd8448eb211c80319c")
		}
		w.Header().Set("Audit-ID", "1234")
		switch r.URL.Path {
		case "/fine":
			fmt.Fprint(w, "fine")
		case "/refused":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}), deadlines{}, log))
	get := func(path string) {
		r := httptest.NewRequest("GET", path+"?secret=x", nil)
		r.Header.Set("User-Agent", "robot/1")
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	for _, path := range []string{"/fine", "/refused", "/readyz", "/livez/ping"} {
		get(path)
	}
	if len(lines) > 0 {
		t.Errorf("logged: %q", lines)
	}
	get("/apis/broken")
	if len(lines) != 1 {
		t.Fatalf("logged: %q", lines)
	}
	for _, want := range []string{"Request failed", "path /apis/broken", "resp 503", "audit-ID 1234", "user ada", "traceID 0af7651916cd43dd8448eb211c80319c", "userAgent robot/1"} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("%q does not tell %q", lines[0], want)
		}
	}
	if strings.Contains(lines[0], "secret") {
		t.Errorf("%q tells the query", lines[0])
	}
	for range 10_000 {
		get("/apis/broken")
	}
	if len(lines) > 5_000 {
		t.Errorf("%d of 10,001 failures were logged", len(lines))
	}
}
