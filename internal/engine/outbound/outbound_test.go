package outbound

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		policy  Policy
		address string
		want    string
	}{
		{Policy{}, "8.8.8.8", ""},
		{Policy{}, "10.1.2.3", ""},
		{Policy{DenyPrivate: true}, "10.1.2.3", "private"},
		{Policy{DenyPrivate: true}, "fd12::1", "private"},
		{Policy{DenyPrivate: true, Allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}, "10.1.2.3", ""},
		{Policy{}, "127.0.0.1", "loopback"},
		{Policy{}, "::1", "loopback"},
		{Policy{}, "::ffff:127.0.0.1", "loopback"},
		{Policy{}, "0.0.0.0", "loopback"},
		{Policy{Loopback: true}, "127.0.0.1", ""},
		{Policy{Loopback: true}, "169.254.169.254", "link-local"},
		{Policy{Loopback: true}, "fe80::1%eth0", "link-local"},
		{Policy{Loopback: true}, "fd00:ec2::254", "link-local"},
		{Policy{}, "224.0.0.1", "multicast"},
		{Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("169.254.169.254/32")}}, "169.254.169.254", ""},
	} {
		err := c.policy.Check(netip.MustParseAddr(c.address))
		var refused *RefusedError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v, %s: got %v", c.policy, c.address, err)
		case c.want != "" && (!errors.As(err, &refused) || refused.Kind != c.want):
			t.Errorf("%+v, %s: got %v, want %s", c.policy, c.address, err, c.want)
		}
	}
}

func serving(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// The resolved address is checked, not the name: localhost resolves to an address that is refused.
func TestResolvedAddresses(t *testing.T) {
	server := serving(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	for _, url := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		client := NewClient(Policy{})
		_, err := client.Get(url)
		var refused *RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v", url, err)
		}
		client.CloseIdleConnections()
	}
}

func TestRedirects(t *testing.T) {
	var got http.Header
	other := serving(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
	target := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	server := serving(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
	})
	client := NewClient(Policy{Loopback: true, CheckURL: func(url string) string {
		if strings.Contains(url, "forbidden") {
			return "is forbidden"
		}
		return ""
	}})
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Api-Key", "secret")
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if got == nil || got.Get("X-Api-Key") != "" {
		t.Errorf("the other host got %v", got)
	}
	target = "http://127.0.0.1/forbidden"
	if _, err := client.Do(request); err == nil || !strings.Contains(err.Error(), "is forbidden") {
		t.Errorf("a forbidden redirect: %v", err)
	}
	target = "ftp://127.0.0.1/"
	if _, err := client.Do(request); err == nil || !strings.Contains(err.Error(), "refused a redirect") {
		t.Errorf("a redirect to another scheme: %v", err)
	}
}

func TestReadAll(t *testing.T) {
	if data, err := ReadAll(strings.NewReader("abc"), 3); err != nil || string(data) != "abc" {
		t.Errorf("got %q, %v", data, err)
	}
	var large *TooLargeError
	if _, err := ReadAll(strings.NewReader("abcd"), 3); !errors.As(err, &large) {
		t.Errorf("got %v", err)
	}
	if _, err := ReadAll(io.MultiReader(strings.NewReader("a"), iotestErr{}), 3); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
