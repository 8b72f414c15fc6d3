package console

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSignIn bounds the body of a request to sign in.
const maxSignIn = 16 << 10

// messageEnded is the page's message when the user has to sign in again.
const messageEnded = "the session has ended: sign in again"

// keys returns the session keys; the first one seals.
func (c *Console) keys() ([]key, error) {
	secrets, err := c.options.Secrets()
	if err != nil {
		return nil, err
	}
	keys := make([]key, len(secrets))
	for i, secret := range secrets {
		if keys[i], err = newKey(secret); err != nil {
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key for sessions")
	}
	return keys, nil
}

// pass passes a request on: unchanged except for the cookies, or with the bearer token of its
// session.
func (c *Console) pass(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if r.Header.Get("Cookie") == "" {
		next.ServeHTTP(w, r)
		return
	}
	r = r.Clone(r.Context())
	cookies := takeCookies(r)
	if len(cookies) == 0 || r.Header.Get("Authorization") != "" {
		next.ServeHTTP(w, r)
		return
	}
	if s := c.sessionOf(w, r, cookies); s != nil {
		next.ServeHTTP(w, as(r, s.Token))
	}
}

// sessionOf returns the session of a request with the given cookies. If there is none, it answers
// the request and returns nil.
func (c *Console) sessionOf(w http.ResponseWriter, r *http.Request, cookies map[string]string) *session {
	switch {
	case !c.atHome(r):
		c.refuse(w, http.StatusForbidden, "sessions of the console are not for the name "+quoted(r.Host)+": add it to --console-hosts, or use another name of the server")
		return nil
	case foreign(r):
		c.refuse(w, http.StatusForbidden, "a page of another site cannot use a session of the console")
		return nil
	case r.Header.Get(HeaderProof) == "":
		c.refuse(w, http.StatusForbidden, "a session of the console needs the header "+HeaderProof+", which its pages send: outside them, use a bearer token")
		return nil
	}
	keys, err := c.keys()
	if err != nil {
		c.fail(w, "the keys of sessions cannot be read", err)
		return nil
	}
	for _, k := range keys {
		s := k.open(cookies)
		if s == nil {
			continue
		}
		if !s.proves(r.Header.Get(HeaderProof)) {
			c.refuse(w, http.StatusForbidden, "the header "+HeaderProof+" is not that of the session")
			return nil
		}
		ended, err := c.options.Ended.Ended(r.Context(), s.ID)
		if err != nil {
			c.fail(w, "whether the session has ended cannot be read", err)
			return nil
		}
		if ended || !c.options.Now().Before(s.Until) {
			break
		}
		return s
	}
	c.refuse(w, http.StatusUnauthorized, messageEnded)
	return nil
}

// fail answers that something is temporarily unavailable. The log entry contains no tokens.
func (c *Console) fail(w http.ResponseWriter, what string, err error) {
	slog.Error("console: "+what, "err", err)
	w.Header().Set("Retry-After", "1")
	c.refuse(w, http.StatusServiceUnavailable, what+": try again, or see the server's log")
}

// as returns a request with a bearer token in place of the client's other credentials.
func as(r *http.Request, token string) *http.Request {
	r.Header.Del(HeaderProof)
	r.Header.Set("Authorization", "Bearer "+token)
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		// Browsers send client certificates without a request from the page.
		state := *r.TLS
		state.PeerCertificates, state.VerifiedChains = nil, nil
		r.TLS = &state
	}
	return r
}

// session answers requests of SessionPath.
func (c *Console) session(w http.ResponseWriter, r *http.Request, next http.Handler) {
	r = r.Clone(r.Context())
	cookies := takeCookies(r)
	switch r.Method {
	case http.MethodPost:
		c.signIn(w, r, next)
	case http.MethodDelete:
		c.signOut(w, r, cookies)
	case http.MethodGet:
		if r.Header.Get("Authorization") != "" {
			next.ServeHTTP(w, r)
		} else if len(cookies) == 0 {
			c.refuse(w, http.StatusUnauthorized, "there is no session: sign in")
		} else if s := c.sessionOf(w, r, cookies); s != nil {
			next.ServeHTTP(w, as(r, s.Token))
		}
	default:
		w.Header().Set("Allow", "GET, POST, DELETE")
		c.refuse(w, http.StatusMethodNotAllowed, "use GET, POST or DELETE")
	}
}

// signIn creates a session for the holder of a token that the server accepts.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case !c.atHome(r):
		c.refuse(w, http.StatusForbidden, "the console is not served at the name "+quoted(r.Host)+": add it to --console-hosts, or use another name of the server")
		return
	case foreign(r):
		c.refuse(w, http.StatusForbidden, "a page of another site cannot sign in")
		return
	case r.Header.Get(HeaderProof) == "":
		c.refuse(w, http.StatusForbidden, "send the header "+HeaderProof+": sign-in")
		return
	case err != nil || media != "application/json":
		c.refuse(w, http.StatusUnsupportedMediaType, "send application/json")
		return
	}
	if wait := c.wrong.wait(r.RemoteAddr); wait > 0 {
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		c.refuse(w, http.StatusTooManyRequests, "too many wrong tokens from your address: try again in "+(time.Duration(seconds)*time.Second).String())
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSignIn))
	if err != nil {
		c.refuse(w, http.StatusRequestEntityTooLarge, "the token is too long")
		return
	}
	var asked struct {
		Token    string `json:"token"`
		Code     string `json:"code"`
		Verifier string `json:"verifier"`
		Nonce    string `json:"nonce"`
	}
	err = json.Unmarshal(body, &asked)
	if err == nil && asked.Code != "" {
		c.byCode(w, r, next, asked.Code, asked.Verifier, asked.Nonce)
		return
	}
	token := strings.TrimSpace(asked.Token)
	if err != nil || token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.refuse(w, http.StatusBadRequest, "the body must be {\"token\": TOKEN}, with a bearer token")
		return
	}
	c.start(w, r, next, token)
}

// start requests the token's user from the server, and answers with a session for it.
func (c *Console) start(w http.ResponseWriter, r *http.Request, next http.Handler, token string) {
	asking := r.Clone(r.Context())
	asking.Method, asking.Body, asking.ContentLength = http.MethodGet, http.NoBody, 0
	for _, name := range []string{"Content-Type", "Content-Length", "Origin", "Cookie", "Accept-Encoding"} {
		asking.Header.Del(name)
	}
	asking = as(asking, token)
	asking.TLS = withoutCertificates(r.TLS)
	said := &recorder{header: http.Header{}}
	next.ServeHTTP(said, asking)
	switch said.code {
	case http.StatusOK:
	case http.StatusUnauthorized:
		c.wrong.count(r.RemoteAddr)
		c.refuse(w, http.StatusUnauthorized, "the server does not know this token: it is wrong, has expired or was revoked")
		return
	case http.StatusForbidden:
		c.refuse(w, http.StatusForbidden, "the user of this token may not use the console")
		return
	default:
		c.refuse(w, http.StatusServiceUnavailable, "the token cannot be checked for now: try again")
		return
	}
	var who map[string]any
	if err := json.Unmarshal(said.body.Bytes(), &who); err != nil {
		c.fail(w, "the user of the token cannot be read", err)
		return
	}
	keys, err := c.keys()
	if err != nil {
		c.fail(w, "the keys of sessions cannot be read", err)
		return
	}
	s := newSession(token, c.options.Now())
	cookies, err := keys[0].seal(s)
	if errors.Is(err, errTooLong) {
		c.refuse(w, http.StatusRequestEntityTooLarge, err.Error())
		return
	}
	if err != nil {
		c.fail(w, "the session cannot be sealed", err)
		return
	}
	for _, cookie := range cookies {
		http.SetCookie(w, cookie)
	}
	who["proof"], who["until"] = s.Proof, s.Until
	answer(w, http.StatusOK, who)
}

func withoutCertificates(state *tls.ConnectionState) *tls.ConnectionState {
	if state == nil {
		return nil
	}
	bare := *state
	bare.PeerCertificates, bare.VerifiedChains = nil, nil
	return &bare
}

// signOut ends a session, and makes the browser delete its cookies.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request, cookies map[string]string) {
	if len(cookies) > 0 {
		s := c.sessionOf(w, r, cookies)
		if s == nil {
			return
		}
		if err := c.options.Ended.End(r.Context(), s.ID, s.Until); err != nil {
			c.fail(w, "the end of the session cannot be kept", err)
			return
		}
	}
	for name := range cookies {
		gone := cookie(name, "")
		gone.MaxAge = -1
		http.SetCookie(w, gone)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// recorder buffers the response to a request that the console itself makes.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// Flush implements http.Flusher, which filters require.
func (*recorder) Flush() {}

// CloseNotify implements http.CloseNotifier, which filters of k8s.io/apiserver require.
func (*recorder) CloseNotify() <-chan bool { return nil }
