package console

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a clock that tests control.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// api is a fake of the server behind the console: it accepts tokens, and records the requests.
type api struct {
	mu     sync.Mutex
	tokens map[string]string
	seen   []*http.Request
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, r)
	user, known := a.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !known {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"user": user})
}

func (a *api) last(t *testing.T) *http.Request {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) == 0 {
		t.Fatal("no request reached the API")
	}
	return a.seen[len(a.seen)-1]
}

// fixture is a console in front of an API.
type fixture struct {
	clock   *clock
	api     *api
	secrets [][]byte
	ended   Ended
	handler http.Handler
}

const testToken = "token-of-anna"

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{clock: &clock{at: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}, secrets: [][]byte{[]byte("a secret of the replicas, 32 bytes")}}
	f.api = &api{tokens: map[string]string{testToken: "anna"}}
	f.ended = NewEndedHere(f.clock.now)
	f.handler = f.replica(t)
	return f
}

// replica returns another console with the same secrets and the same store of ended sessions.
func (f *fixture) replica(t *testing.T) http.Handler {
	t.Helper()
	c, err := New(Options{
		Secrets: func() ([][]byte, error) { return f.secrets, nil },
		Names:   func(name string) bool { return name == "ark.example.com" },
		Ended:   f.ended, Now: f.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.Around(f.api)
}

func request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "https://localhost:6443"+path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.1:1234"
	return r
}

func send(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func signInRequest(token string) *http.Request {
	body, _ := json.Marshal(map[string]string{"token": token})
	r := request(http.MethodPost, SessionPath, string(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(HeaderProof, "sign-in")
	return r
}

// signIn signs in, and returns the browser's cookies and the proof.
func signIn(t *testing.T, h http.Handler, token string) (cookies []*http.Cookie, proof string) {
	t.Helper()
	answer := send(h, signInRequest(token))
	var said struct{ User, Proof string }
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil || answer.StatusCode != http.StatusOK || said.Proof == "" {
		t.Fatalf("sign in: %d, %+v, %v", answer.StatusCode, said, err)
	}
	return answer.Cookies(), said.Proof
}

// with adds the cookies and the proof to a request, as the page does.
func with(r *http.Request, cookies []*http.Cookie, proof string) *http.Request {
	for _, c := range cookies {
		r.AddCookie(c)
	}
	if proof != "" {
		r.Header.Set(HeaderProof, proof)
	}
	return r
}

const somePath = "/apis/ark.mckinsey.com/v1alpha1/agents"

// TestSession checks that a session's cookie is bound to the host, inaccessible to scripts and
// other sites, and contains its token only sealed. Requests of the session are passed on with the
// bearer token, and without the cookie and the proof.
func TestSession(t *testing.T) {
	f := newFixture(t)
	cookies, proof := signIn(t, f.handler, testToken)
	if len(cookies) != 1 {
		t.Fatalf("cookies: %v", cookies)
	}
	c := cookies[0]
	if !strings.HasPrefix(c.Name, "__Host-") || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %s", c.Raw)
	}
	if strings.Contains(c.Raw, testToken) {
		t.Error("the cookie shows the token")
	}
	r := with(request(http.MethodGet, somePath, ""), cookies, proof)
	r.AddCookie(&http.Cookie{Name: "other", Value: "kept"})
	if got := send(f.handler, r); got.StatusCode != http.StatusOK {
		t.Fatalf("a request of the session: %d", got.StatusCode)
	}
	passed := f.api.last(t)
	if got := passed.Header.Get("Authorization"); got != "Bearer "+testToken {
		t.Errorf("authorization: %q", got)
	}
	if got := passed.Header.Get("Cookie"); got != "other=kept" {
		t.Errorf("cookies that go on: %q", got)
	}
	if got := passed.Header.Get(HeaderProof); got != "" {
		t.Errorf("the proof goes on: %q", got)
	}
}

// TestSessionRefused checks that a cookie alone is refused for any method, as are requests from
// another site, at a foreign name, or with a changed cookie.
func TestSessionRefused(t *testing.T) {
	f := newFixture(t)
	cookies, proof := signIn(t, f.handler, testToken)
	flipped := *cookies[0]
	flipped.Value = flipped.Value[:20] + string(flipped.Value[20]^1) + flipped.Value[21:]
	cut := *cookies[0]
	cut.Value = cut.Value[:30]
	otherSecret := newFixture(t)
	otherSecret.secrets = [][]byte{[]byte("the secret of another installation")}
	foreignCookies, foreignProof := signIn(t, otherSecret.replica(t), testToken)
	renamed := *foreignCookies[0]
	renamed.Name = cookies[0].Name
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	nothing := func(*http.Request) {}
	reached := len(f.api.seen)
	for name, c := range map[string]struct {
		cookies []*http.Cookie
		proof   string
		change  func(*http.Request)
		want    int
	}{
		"no proof":            {cookies, "", nothing, 403},
		"a wrong proof":       {cookies, "1", nothing, 403},
		"another site":        {cookies, proof, header("Origin", "https://evil.example.com"), 403},
		"another port":        {cookies, proof, header("Origin", "https://localhost:3000"), 403},
		"a null origin":       {cookies, proof, header("Origin", "null"), 403},
		"a cross-site fetch":  {cookies, proof, header("Sec-Fetch-Site", "cross-site"), 403},
		"a same-site fetch":   {cookies, proof, header("Sec-Fetch-Site", "same-site"), 403},
		"a foreign name":      {cookies, proof, func(r *http.Request) { r.Host = "rebound.example.com:6443" }, 403},
		"changed":             {[]*http.Cookie{&flipped}, proof, nothing, 401},
		"cut":                 {[]*http.Cookie{&cut}, proof, nothing, 401},
		"twice":               {[]*http.Cookie{cookies[0], &flipped}, proof, nothing, 403},
		"of another server":   {foreignCookies, foreignProof, nothing, 401},
		"of another, renamed": {[]*http.Cookie{&renamed}, foreignProof, nothing, 401},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions} {
			r := with(request(method, somePath, ""), c.cookies, c.proof)
			c.change(r)
			if got := send(f.handler, r); name != "twice" && got.StatusCode != c.want {
				t.Errorf("%s, %s: %d, want %d", name, method, got.StatusCode, c.want)
			}
		}
	}
	for _, r := range f.api.seen[reached:] {
		if r.Header.Get("Authorization") != "" || strings.Contains(r.Header.Get("Cookie"), cookiePrefix) {
			t.Errorf("a refused session went on as %v", r.Header)
		}
	}
}

// TestSessionBesideToken checks that a request with a bearer token needs no session, and that the
// cookie is not passed on.
func TestSessionBesideToken(t *testing.T) {
	f := newFixture(t)
	cookies, _ := signIn(t, f.handler, testToken)
	r := with(request(http.MethodGet, somePath, ""), cookies, "")
	r.Header.Set("Authorization", "Bearer other")
	if got := send(f.handler, r); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong bearer token beside a session: %d", got.StatusCode)
	}
	if passed := f.api.last(t); passed.Header.Get("Authorization") != "Bearer other" || passed.Header.Get("Cookie") != "" {
		t.Errorf("it went on as %v", passed.Header)
	}
}

// TestSessionEnds checks that a session ends when it is signed out, on all replicas, when its token
// is revoked, and when its time is over.
func TestSessionEnds(t *testing.T) {
	f := newFixture(t)
	other := f.replica(t)
	cookies, proof := signIn(t, f.handler, testToken)
	get := func(h http.Handler) int {
		return send(h, with(request(http.MethodGet, somePath, ""), cookies, proof)).StatusCode
	}
	if got := get(other); got != http.StatusOK {
		t.Fatalf("at another replica: %d", got)
	}
	if got := send(f.handler, with(request(http.MethodDelete, SessionPath, ""), cookies, "")); got.StatusCode != http.StatusForbidden {
		t.Errorf("sign out without the proof: %d", got.StatusCode)
	}
	out := send(f.handler, with(request(http.MethodDelete, SessionPath, ""), cookies, proof))
	if out.StatusCode != http.StatusNoContent || len(out.Cookies()) != 1 || out.Cookies()[0].MaxAge >= 0 {
		t.Errorf("sign out: %d, %v", out.StatusCode, out.Cookies())
	}
	for name, h := range map[string]http.Handler{"here": f.handler, "at another replica": other} {
		if got := get(h); got != http.StatusUnauthorized {
			t.Errorf("replayed after the sign-out, %s: %d", name, got)
		}
	}

	cookies, proof = signIn(t, f.handler, testToken)
	delete(f.api.tokens, testToken)
	if got := get(f.handler); got != http.StatusUnauthorized {
		t.Errorf("with a revoked token: %d", got)
	}
	f.api.tokens[testToken] = "anna"
	f.clock.add(sessionTime - time.Second)
	if got := get(f.handler); got != http.StatusOK {
		t.Errorf("before its end: %d", got)
	}
	f.clock.add(time.Second)
	if got := get(f.handler); got != http.StatusUnauthorized {
		t.Errorf("after its end: %d", got)
	}
}

// TestSecretsRotate checks that a session of the old secret works as long as that secret is
// available, and that a new session needs the new secret.
func TestSecretsRotate(t *testing.T) {
	f := newFixture(t)
	cookies, proof := signIn(t, f.handler, testToken)
	old := f.secrets[0]
	f.secrets = [][]byte{[]byte("the secret that takes its place"), old}
	get := func() int {
		return send(f.handler, with(request(http.MethodGet, somePath, ""), cookies, proof)).StatusCode
	}
	if got := get(); got != http.StatusOK {
		t.Errorf("with the old secret kept: %d", got)
	}
	f.secrets = f.secrets[:1]
	if got := get(); got != http.StatusUnauthorized {
		t.Errorf("with the old secret gone: %d", got)
	}
	cookies, proof = signIn(t, f.handler, testToken)
	if got := get(); got != http.StatusOK {
		t.Errorf("a session of the new secret: %d", got)
	}
}

// TestSignInRefused checks that only the page can sign in, with a token that the server accepts.
func TestSignInRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*http.Request)
		token  string
		want   int
	}{
		"a wrong token":     {func(*http.Request) {}, "wrong", 401},
		"no token":          {func(*http.Request) {}, " ", 400},
		"two lines":         {func(*http.Request) {}, "a\nAuthorization: b", 400},
		"too long":          {func(*http.Request) {}, strings.Repeat("x", maxSignIn), 413},
		"a form":            {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, testToken, 415},
		"without a header":  {func(r *http.Request) { r.Header.Del(HeaderProof) }, testToken, 403},
		"another site":      {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example.com") }, testToken, 403},
		"a foreign name":    {func(r *http.Request) { r.Host = "evil.example.com" }, testToken, 403},
		"a name of its own": {func(r *http.Request) { r.Host = "ark.example.com" }, testToken, 200},
	} {
		f := newFixture(t)
		r := signInRequest(c.token)
		c.change(r)
		answer := send(f.handler, r)
		if answer.StatusCode != c.want || (len(answer.Cookies()) > 0) != (c.want == 200) {
			t.Errorf("%s: %d with %d cookies, want %d", name, answer.StatusCode, len(answer.Cookies()), c.want)
		}
		if body, _ := io.ReadAll(answer.Body); c.token == "wrong" && strings.Contains(string(body), `"wrong"`) {
			t.Errorf("%s: the answer repeats the token: %s", name, body)
		}
	}
}

// TestWrongTokens checks that an address can try ten wrong tokens at once, and then one every six
// seconds; other addresses are not delayed.
func TestWrongTokens(t *testing.T) {
	f := newFixture(t)
	try := func(token, from string) *http.Response {
		r := signInRequest(token)
		r.RemoteAddr = from
		return send(f.handler, r)
	}
	for i := range wrongTokens {
		if got := try("wrong", "[2001:db8::1]:1"); got.StatusCode != http.StatusUnauthorized {
			t.Fatalf("wrong token %d: %d", i, got.StatusCode)
		}
	}
	asked := len(f.api.seen)
	got := try(testToken, "[2001:db8::2]:1")
	if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") != "6" {
		t.Errorf("one more, of the same network: %d, retry after %q", got.StatusCode, got.Header.Get("Retry-After"))
	}
	if len(f.api.seen) != asked {
		t.Error("the server was asked all the same")
	}
	if got := try(testToken, "[2001:db8:1::1]:1"); got.StatusCode != http.StatusOK {
		t.Errorf("another network: %d", got.StatusCode)
	}
	f.clock.add(wrongEvery)
	if got := try(testToken, "[2001:db8::1]:1"); got.StatusCode != http.StatusOK {
		t.Errorf("after a while: %d", got.StatusCode)
	}
}

// TestLongToken checks that a token that needs several cookies is restored completely.
func TestLongToken(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("abcdefgh", 800)
	f.api.tokens[long] = "anna"
	cookies, proof := signIn(t, f.handler, long)
	if len(cookies) < 2 {
		t.Fatalf("%d cookies", len(cookies))
	}
	for _, c := range cookies {
		if len(c.Name)+len(c.Value) > 4096 {
			t.Errorf("a cookie of %d bytes", len(c.Name)+len(c.Value))
		}
	}
	if got := send(f.handler, with(request(http.MethodGet, somePath, ""), cookies, proof)); got.StatusCode != http.StatusOK {
		t.Errorf("a request of the session: %d", got.StatusCode)
	}
	if got := send(f.handler, with(request(http.MethodGet, somePath, ""), cookies[:1], proof)); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a piece: %d", got.StatusCode)
	}
}

// TestPages checks that every page has its security headers for every client, and that a request at
// a foreign name gets no page.
func TestPages(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{Path, Path + "/", Path + "/list/agents", Path + "/assets/none.js"} {
		answer := send(f.handler, request(http.MethodGet, path, ""))
		h := answer.Header
		if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'self'") || strings.Contains(h.Get("Content-Security-Policy"), "unsafe") ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
		if strings.Contains(h.Get("Cache-Control"), "immutable") {
			t.Errorf("%s is cached for good", path)
		}
	}
	r := request(http.MethodGet, Path, "")
	r.Host = "rebound.example.com"
	if got := send(f.handler, r); got.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign name: %d", got.StatusCode)
	}
	if len(f.api.seen) != 0 {
		t.Error("a page reached the API")
	}
}

// TestAssets checks that files are served in an encoding that the client accepts, and cached
// permanently if their name contains a hash.
func TestAssets(t *testing.T) {
	a := assets{"index.html": {mediaTypes[".html"], []byte("brotli"), zipped(t, "plain")}, "assets/x-1.js": {mediaTypes[".js"], []byte("brotli"), zipped(t, "script")}}
	get := func(path, encoding string) *http.Response {
		r := request(http.MethodGet, path, "")
		r.Header.Set("Accept-Encoding", encoding)
		w := httptest.NewRecorder()
		a.serve(w, r)
		return w.Result()
	}
	for encoding, want := range map[string]string{"gzip, br": "br", "gzip;q=0.5, br;q=0": "gzip", "": "", "identity": ""} {
		answer := get(Path+"/deep/link", encoding)
		if got := answer.Header.Get("Content-Encoding"); got != want {
			t.Errorf("%q: %q, want %q", encoding, got, want)
		}
		if body, _ := io.ReadAll(answer.Body); want == "" && string(body) != "plain" {
			t.Errorf("%q: %q", encoding, body)
		}
		if got := answer.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("the page is cached: %q", got)
		}
	}
	if got := get(Path+"/assets/x-1.js", "br").Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("a file with a hash: %q", got)
	}
	if got := get(Path+"/assets/x-0.js", "br").StatusCode; got != http.StatusNotFound {
		t.Errorf("a file that is not there: %d", got)
	}
}

// TestEndedHere checks that sessions are dropped that would have expired by now.
func TestEndedHere(t *testing.T) {
	c := &clock{at: time.Unix(0, 0)}
	e := NewEndedHere(c.now)
	ctx := context.Background()
	_ = e.End(ctx, "a", c.now().Add(time.Hour))
	c.add(2 * time.Hour)
	_ = e.End(ctx, "b", c.now().Add(time.Hour))
	if a, _ := e.Ended(ctx, "a"); a {
		t.Error("a is remembered")
	}
	if b, _ := e.Ended(ctx, "b"); !b {
		t.Error("b is not")
	}
}
