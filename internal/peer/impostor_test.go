package peer

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
)

// Whoever is no member gets in nowhere, whatever they say of themselves.
func TestImpostors(t *testing.T) {
	d := memengine.New(memengine.Options{})
	a, b := join(t, d), join(t, d)
	sees(t, a, 1)
	to := self(t, a)
	stranger, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(as *Group, from, toID string) int {
		t.Helper()
		config := clientConfig(stranger, to.Key)
		if as != nil {
			config = clientConfig(as.certificate, to.Key)
		}
		protocols := new(http.Protocols)
		protocols.SetHTTP2(true)
		transport := &http.Transport{TLSClientConfig: config, Protocols: protocols}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+to.Address+callPath+"echo", bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(headerFrom, from)
		r.Header.Set(headerTo, toID)
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
		return answer.StatusCode
	}
	for _, c := range []struct {
		name     string
		as       *Group
		from, to string
		want     int
	}{
		{"a member", b, self(t, b).ID, to.ID, http.StatusOK},
		{"a stranger with a member's ID", nil, self(t, b).ID, to.ID, http.StatusForbidden},
		{"a stranger", nil, "", to.ID, http.StatusForbidden},
		{"a member with another's ID", b, to.ID, to.ID, http.StatusForbidden},
		{"a call of the one before", b, self(t, b).ID, newID(), http.StatusGone},
	} {
		if got := ask(c.as, c.from, c.to); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	plain, err := http.Get("http://" + to.Address + callPath + "echo")
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.Body.Close(); err != nil || plain.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %s, %v", plain.Status, err)
	}
	// One who listens at a member's address, with a key of their own.
	other := join(t, memengine.New(memengine.Options{}))
	wrong := self(t, b)
	wrong.Address = self(t, other).Address
	l := a.newLine(wrong)
	defer l.close()
	a.mu.Lock()
	a.lines[wrong.ID] = l
	a.mu.Unlock()
	if _, err := a.Call(t.Context(), wrong, "echo", nil); err == nil {
		t.Error("a process with another key was called")
	}
}
