package filters

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
)

// A client that has not finished its upload still gets the answer.
func TestDrain(t *testing.T) {
	const limit = 1 << 10
	refuse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, limit+1)
		_ = r.Body.Close()
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	})
	server := httptest.NewUnstartedServer(withDrain(limit, hooks.Off{}, refuse))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for range 20 {
		response, err := server.Client().Post(server.URL, "text/plain", bytes.NewReader(make([]byte, 4<<20)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusRequestEntityTooLarge || string(body) != "too large\n" {
			t.Fatalf("got %s %q, %v", response.Status, body, err)
		}
	}
}
