package console

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// testIssuer is an OpenID Connect issuer with a confidential client, which accepts each code once
// and only with its verifier.
type testIssuer struct {
	*httptest.Server
	mu sync.Mutex
	// challenges are the challenges of the codes that were issued.
	challenges map[string]string
	nonce      string
	// name is the issuer name that it reports; "" for its URL.
	name  string
	asked int
	down  bool
}

const clientSecret = "a secret: with a colon"

func newTestIssuer(t *testing.T) *testIssuer {
	t.Helper()
	i := &testIssuer{challenges: map[string]string{}, nonce: "the-nonce"}
	mux := http.NewServeMux()
	i.Server = httptest.NewTLSServer(mux)
	t.Cleanup(i.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.asked++
		if i.down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		name := i.name
		if name == "" {
			name = i.URL
		}
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"scopes_supported":["openid","groups"]}`, name, i.URL+"/authorize", i.URL+"/token")
	})
	mux.HandleFunc("/token", i.token)
	return i
}

func (i *testIssuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	refuse := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error":%q}`, code)
	}
	if id, secret, ok := r.BasicAuth(); !ok || id != "ark" || secret != "a+secret%3A+with+a+colon" {
		refuse("invalid_client")
		return
	}
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	challenge, known := i.challenges[r.FormValue("code")]
	delete(i.challenges, r.FormValue("code"))
	if !known || challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || r.FormValue("redirect_uri") != "https://localhost:6443/console/signed-in" {
		refuse("invalid_grant")
		return
	}
	claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"nonce":%q}`, i.nonce))
	_ = json.NewEncoder(w).Encode(map[string]string{"id_token": "header." + claims + ".signature"})
}

// give issues a code for a verifier.
func (i *testIssuer) give(code, verifier string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	sum := sha256.Sum256([]byte(verifier))
	i.challenges[code] = base64.RawURLEncoding.EncodeToString(sum[:])
}

// withIssuer returns a console whose users sign in at an issuer, and whose API accepts the issuer's
// token.
func withIssuer(t *testing.T, i *testIssuer) *fixture {
	t.Helper()
	f := newFixture(t)
	f.api.tokens["header."+base64.RawURLEncoding.EncodeToString([]byte(`{"nonce":"the-nonce"}`))+".signature"] = "berta"
	c, err := New(Options{
		Secrets: func() ([][]byte, error) { return f.secrets, nil },
		Names:   func(string) bool { return false },
		Issuer:  &Issuer{URL: i.URL, ClientID: "ark", Client: i.Client(), Secret: func() (string, error) { return clientSecret, nil }},
		Ended:   f.ended, Now: f.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.handler = c.Around(f.api)
	return f
}

func codeRequest(code, verifier, nonce string) *http.Request {
	body, _ := json.Marshal(map[string]string{"code": code, "verifier": verifier, "nonce": nonce})
	r := request(http.MethodPost, SessionPath, string(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(HeaderProof, "sign-in")
	return r
}

func text(t *testing.T, answer *http.Response) string {
	t.Helper()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// TestIssuer checks that the page gets the issuer's address, and that a code creates a session
// whose token the page never receives.
func TestIssuer(t *testing.T) {
	i := newTestIssuer(t)
	f := withIssuer(t, i)
	answer := send(f.handler, request(http.MethodGet, IssuerPath, ""))
	var at map[string]string
	if err := json.NewDecoder(answer.Body).Decode(&at); err != nil {
		t.Fatal(err)
	}
	if at["authorize"] != i.URL+"/authorize" || at["clientID"] != "ark" || at["returnPath"] != ReturnPath || at["scope"] != "openid profile email groups" {
		t.Errorf("the issuer: %v", at)
	}
	i.give("code-1", "verifier-1")
	answer = send(f.handler, codeRequest("code-1", "verifier-1", "the-nonce"))
	said := text(t, answer)
	if answer.StatusCode != http.StatusOK || !strings.Contains(said, `"user":"berta"`) {
		t.Fatalf("sign in: %d %s", answer.StatusCode, said)
	}
	if strings.Contains(said, "signature") || strings.Contains(said, clientSecret) {
		t.Errorf("the answer shows a token or the secret: %s", said)
	}
	var proof struct{ Proof string }
	if err := json.Unmarshal([]byte(said), &proof); err != nil {
		t.Fatal(err)
	}
	if got := send(f.handler, with(request(http.MethodGet, somePath, ""), answer.Cookies(), proof.Proof)); got.StatusCode != http.StatusOK {
		t.Errorf("a request of the session: %d", got.StatusCode)
	}
	if i.asked != 1 {
		t.Errorf("the endpoints were read %d times", i.asked)
	}
}

// TestIssuerRefused checks that a code is valid once, with its verifier, its nonce and the page's
// header, and that nothing else creates a session.
func TestIssuerRefused(t *testing.T) {
	i := newTestIssuer(t)
	f := withIssuer(t, i)
	for name, c := range map[string]struct {
		request *http.Request
		want    int
	}{
		"an unknown code":    {codeRequest("other", "verifier", "the-nonce"), http.StatusUnauthorized},
		"another verifier":   {codeRequest("given", "other", "the-nonce"), http.StatusUnauthorized},
		"another nonce":      {codeRequest("given", "verifier", "other"), http.StatusUnauthorized},
		"no nonce":           {codeRequest("given", "verifier", ""), http.StatusUnauthorized},
		"from another site":  {withHeader(codeRequest("given", "verifier", "the-nonce"), "Origin", "https://evil.example"), http.StatusForbidden},
		"without the header": {withHeader(codeRequest("given", "verifier", "the-nonce"), HeaderProof, ""), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			i.give("given", "verifier")
			answer := send(f.handler, c.request)
			if answer.StatusCode != c.want || len(answer.Cookies()) > 0 {
				t.Errorf("%d %s, want %d", answer.StatusCode, text(t, answer), c.want)
			}
		})
	}
	i.give("once", "verifier")
	for n, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		if answer := send(f.handler, codeRequest("once", "verifier", "the-nonce")); answer.StatusCode != want {
			t.Errorf("a code for time %d: %d, want %d", n+1, answer.StatusCode, want)
		}
	}
	if len(f.api.seen) != 1 {
		t.Errorf("%d requests reached the API, want that of the one session", len(f.api.seen))
	}
	plain := newFixture(t)
	if answer := send(plain.handler, codeRequest("once", "verifier", "the-nonce")); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("a code without an issuer: %d", answer.StatusCode)
	}
	if answer := send(plain.handler, request(http.MethodGet, IssuerPath, "")); text(t, answer) != "{}\n" {
		t.Error("there is an issuer where there is none")
	}
}

func withHeader(r *http.Request, name, value string) *http.Request {
	r.Header.Set(name, value)
	return r
}

// TestIssuerAway checks that an issuer that is unreachable or reports another name is an error,
// which disappears when the cause does. The issuer is not called for each page.
func TestIssuerAway(t *testing.T) {
	i := newTestIssuer(t)
	f := withIssuer(t, i)
	i.down = true
	for range 3 {
		if answer := send(f.handler, request(http.MethodGet, IssuerPath, "")); answer.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("an issuer that is away: %d", answer.StatusCode)
		}
	}
	if i.asked != 1 {
		t.Errorf("it was asked %d times", i.asked)
	}
	i.down, i.name = false, "https://other.example"
	f.clock.add(failureFor)
	if answer := send(f.handler, request(http.MethodGet, IssuerPath, "")); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an issuer that is another: %d", answer.StatusCode)
	}
	i.name = ""
	f.clock.add(failureFor)
	if answer := send(f.handler, request(http.MethodGet, IssuerPath, "")); answer.StatusCode != http.StatusOK {
		t.Errorf("an issuer that is back: %d", answer.StatusCode)
	}
}
