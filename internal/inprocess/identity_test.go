package inprocess

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/user"
)

// who answers with whom an authenticator finds.
func who(t *testing.T, a authenticator.Request) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		response, ok, err := a.AuthenticateRequest(r)
		if err != nil || !ok {
			t.Errorf("the request was not authenticated: %v", err)
			return
		}
		groups := slices.Clone(response.User.GetGroups())
		slices.Sort(groups)
		fmt.Fprintf(w, "%s%s%v%v", response.User.GetName(), response.User.GetUID(), groups, response.User.GetExtra())
	}
}

func read(t *testing.T, client *http.Client, r *http.Request) string {
	t.Helper()
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestIdentities(t *testing.T) {
	transport := New("test")
	defer transport.Close()
	transport.Serve(who(t, transport.Authenticator(anonymous.NewAuthenticator(nil))))
	for _, c := range []struct {
		of   user.Info
		want string
	}{
		{alice, "alice[staff system:authenticated]map[team:[red]]"},
		{&user.DefaultInfo{Name: "bob", UID: "-7"}, "bob-7[system:authenticated]map[]"},
		{&user.DefaultInfo{Name: user.Anonymous, Groups: []string{user.AllUnauthenticated}}, "system:anonymous[system:unauthenticated]map[]"},
	} {
		config, err := transport.Config(c.of)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, Host, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, &http.Client{Transport: config.Transport}, r); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	for _, nobody := range []user.Info{nil, &user.DefaultInfo{Groups: []string{user.SystemPrivilegedGroup}}} {
		if _, err := transport.Config(nobody); err == nil {
			t.Errorf("a client was made for %v", nobody)
		}
	}
}

// The identity is a copy: what its giver does to it afterwards changes nobody's rights.
func TestAnIdentityStaysAsItWasGiven(t *testing.T) {
	transport := New("test")
	defer transport.Close()
	transport.Serve(who(t, transport.Authenticator(anonymous.NewAuthenticator(nil))))
	given := &user.DefaultInfo{Name: "bob", Groups: append(make([]string, 0, 9), "staff"), Extra: map[string][]string{"a": {"b"}}}
	as, err := transport.As(given)
	if err != nil {
		t.Fatal(err)
	}
	given.Name, given.Groups[0], given.Extra["a"][0] = "root", user.SystemPrivilegedGroup, "c"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, Host, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, &http.Client{Transport: as}, r); got != "bob[staff system:authenticated]map[a:[b]]" {
		t.Errorf("got %s", got)
	}
}

// Nothing that comes over a socket has an identity of the process: not by its headers, and not by
// being sent by a handler that serves a request which has one, with that request's context.
func TestNoIdentityFromASocket(t *testing.T) {
	transport, other := New("test"), New("test")
	defer transport.Close()
	defer other.Close()
	find := who(t, transport.Authenticator(anonymous.NewAuthenticator(nil)))
	server := httptest.NewServer(find)
	defer server.Close()
	const nobody = "system:anonymous[system:unauthenticated]map[]"

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"X-Remote-User", "Impersonate-User", "Authorization", "X-Forwarded-For", "User-Agent", "Host"} {
		r.Header.Set(name, "alice")
	}
	if got := read(t, server.Client(), r); got != nobody {
		t.Errorf("by headers: got %s", got)
	}

	transport.Serve(http.HandlerFunc(func(w http.ResponseWriter, outer *http.Request) {
		r, err := http.NewRequestWithContext(outer.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Error(err)
			return
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		_, _ = io.Copy(w, answer.Body)
	}))
	as, err := transport.As(alice)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, Host, nil); err != nil {
		t.Fatal(err)
	}
	if got := read(t, &http.Client{Transport: as}, r); got != nobody {
		t.Errorf("by the context of another request: got %s", got)
	}

	other.Serve(find)
	if as, err = other.As(alice); err != nil {
		t.Fatal(err)
	}
	if got := read(t, &http.Client{Transport: as}, r); got != nobody {
		t.Errorf("by another server's transport: got %s", got)
	}
}

// Credentials in the header do not compete with the identity.
func TestTheHeaderHasNoCredentials(t *testing.T) {
	_, client := serving(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("Authorization")) })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, Host, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	if got := read(t, client, r); got != "" {
		t.Errorf("got %q", got)
	}
}

// A call made while another is served has nothing of that one: neither values of its context, nor
// its user.
func TestACallInACall(t *testing.T) {
	type key struct{}
	transport := New("test")
	defer transport.Close()
	bob, err := transport.As(&user.DefaultInfo{Name: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	root, err := transport.As(&user.DefaultInfo{Name: "root", Groups: []string{user.SystemPrivilegedGroup}})
	if err != nil {
		t.Fatal(err)
	}
	find := who(t, transport.Authenticator(anonymous.NewAuthenticator(nil)))
	transport.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(key{}) != nil {
			t.Error("a value of the caller's came through")
		}
		if strings.HasSuffix(r.URL.Path, "/outer") {
			inner, err := http.NewRequestWithContext(r.Context(), http.MethodGet, Host+"/inner", nil)
			if err != nil {
				t.Error(err)
				return
			}
			answer, err := bob.RoundTrip(inner)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			_, _ = io.Copy(w, answer.Body)
			return
		}
		find(w, r)
	}))
	ctx := t.Context()
	r, err := http.NewRequestWithContext(contextWith(ctx, key{}), http.MethodGet, Host+"/outer", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, &http.Client{Transport: root}, r); got != "bob[system:authenticated]map[]" {
		t.Errorf("got %s", got)
	}
}
