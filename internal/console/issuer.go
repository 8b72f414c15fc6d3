package console

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// IssuerPath is the path at which the sign-in page reads whether there is an issuer, and its
	// address.
	IssuerPath = SessionPath + "/issuer"
	// ReturnPath is the page to which the issuer redirects the user: the redirect URI to register
	// there, below the server's URL.
	ReturnPath = Path + "/signed-in"
)

const (
	// issuerPatience bounds the duration of a request to the issuer, and issuerMost the bytes of its
	// answer.
	issuerPatience = 10 * time.Second
	issuerMost     = 1 << 20
	// endpointsFor is how long the issuer's endpoints are cached, and failureFor how long an error is.
	endpointsFor = 10 * time.Minute
	failureFor   = 5 * time.Second
)

// Issuer is an OpenID Connect issuer at which users sign in to the console, by the authorization
// code flow with PKCE (RFC 7636). It returns an ID token, which the server must accept as a bearer
// token.
type Issuer struct {
	// URL is the issuer's, without a final slash unless its tokens have one.
	URL, ClientID string
	// Secret returns the client's secret; nil for a public client.
	Secret func() (string, error)
	// Client sends the requests.
	Client *http.Client
}

// endpoints are from the issuer's discovery document.
type endpoints struct {
	Issuer    string   `json:"issuer"`
	Authorize string   `json:"authorization_endpoint"`
	Token     string   `json:"token_endpoint"`
	Scopes    []string `json:"scopes_supported"`
}

// issuing is an issuer with its cached endpoints. It is safe for concurrent use.
type issuing struct {
	Issuer
	now func() time.Time

	mu    sync.Mutex
	known endpoints
	err   error
	until time.Time
}

// endpoints returns the issuer's endpoints, which are read at most every few seconds.
func (i *issuing) endpoints(ctx context.Context) (endpoints, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.now().Before(i.until) {
		return i.known, i.err
	}
	// Other requests wait for the answer, so the end of one request must not cancel it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), issuerPatience)
	defer cancel()
	i.known, i.err = i.discover(ctx)
	i.until = i.now().Add(endpointsFor)
	if i.err != nil {
		i.until = i.now().Add(failureFor)
	}
	return i.known, i.err
}

func (i *issuing) discover(ctx context.Context) (endpoints, error) {
	var found endpoints
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(i.URL, "/")+"/.well-known/openid-configuration", http.NoBody)
	if err != nil {
		return found, err
	}
	if err := i.ask(r, &found); err != nil {
		return found, fmt.Errorf("read the endpoints of the issuer: %w", err)
	}
	if found.Issuer != i.URL {
		return found, fmt.Errorf("the issuer %s says that it is %s", i.URL, quoted(found.Issuer))
	}
	for _, endpoint := range []string{found.Authorize, found.Token} {
		if at, err := url.Parse(endpoint); err != nil || at.Scheme != "https" || at.Host == "" {
			return found, fmt.Errorf("the issuer's endpoint %s is not an https URL", quoted(endpoint))
		}
	}
	return found, nil
}

// ask sends a request to the issuer, and decodes its answer.
func (i *issuing) ask(r *http.Request, into any) error {
	r.Header.Set("Accept", "application/json")
	answer, err := i.Client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // only the data that was read matters
	text, err := io.ReadAll(io.LimitReader(answer.Body, issuerMost))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		// The body may contain data that must not be logged; the error code does not.
		var said struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(text, &said) // it may not be JSON
		return &issuerError{answer.StatusCode, said.Error}
	}
	return json.Unmarshal(text, into)
}

// issuerError is an error response of the issuer.
type issuerError struct {
	status int
	code   string
}

func (e *issuerError) Error() string {
	return fmt.Sprintf("the issuer answers %d %s", e.status, quoted(e.code))
}

// refused reports whether the issuer rejects the code that the user presented.
func (e *issuerError) refused() bool { return e.code == "invalid_grant" }

// errNonce reports that a token does not belong to the page's own request.
var errNonce = errors.New("the issuer's token is not for this sign-in")

// exchange returns the ID token for a code that the issuer gave to the page. verifier and nonce are
// the page's, and redirect is the page's redirect URI.
func (i *issuing) exchange(ctx context.Context, code, verifier, nonce, redirect string) (string, error) {
	at, err := i.endpoints(ctx)
	if err != nil {
		return "", err
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {redirect}, "client_id": {i.ClientID},
	}
	secret := ""
	if i.Secret != nil {
		if secret, err = i.Secret(); err != nil {
			return "", err
		}
	}
	if secret != "" {
		form.Del("client_id")
	}
	ctx, cancel := context.WithTimeout(ctx, issuerPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret != "" {
		r.SetBasicAuth(url.QueryEscape(i.ClientID), url.QueryEscape(secret)) // RFC 6749, 2.3.1
	}
	var given struct {
		Token string `json:"id_token"`
	}
	if err := i.ask(r, &given); err != nil {
		return "", fmt.Errorf("exchange the code of the issuer: %w", err)
	}
	if !answers(given.Token, nonce) {
		return "", errNonce
	}
	return given.Token, nil
}

// answers reports whether a token contains a nonce. The server validates the token itself.
func answers(token, nonce string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || nonce == "" {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return false
	}
	var claims struct {
		Nonce string `json:"nonce"`
	}
	return json.Unmarshal(text, &claims) == nil && subtle.ConstantTimeCompare([]byte(claims.Nonce), []byte(nonce)) == 1
}

// serveIssuer answers requests of IssuerPath.
func (c *Console) serveIssuer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		c.refuse(w, http.StatusMethodNotAllowed, "use GET")
		return
	case !c.atHome(r):
		c.refuse(w, http.StatusForbidden, "the console is not served at the name "+quoted(r.Host)+": add it to --console-hosts, or use another name of the server")
		return
	case c.issuer == nil:
		answer(w, http.StatusOK, struct{}{})
		return
	}
	at, err := c.issuer.endpoints(r.Context())
	if err != nil {
		c.fail(w, "the issuer cannot be reached", err)
		return
	}
	scopes := []string{"openid", "profile", "email"}
	if slices.Contains(at.Scopes, "groups") {
		scopes = append(scopes, "groups")
	}
	answer(w, http.StatusOK, map[string]string{
		"name": hostOf(c.issuer.URL), "authorize": at.Authorize, "clientID": c.issuer.ClientID, "scope": strings.Join(scopes, " "), "returnPath": ReturnPath,
	})
}

func hostOf(text string) string {
	at, err := url.Parse(text)
	if err != nil {
		return text
	}
	return at.Host
}

// byCode signs in with a code of the issuer.
func (c *Console) byCode(w http.ResponseWriter, r *http.Request, next http.Handler, code, verifier, nonce string) {
	if c.issuer == nil {
		c.refuse(w, http.StatusBadRequest, "there is no issuer to sign in at: sign in with a token")
		return
	}
	token, err := c.issuer.exchange(r.Context(), code, verifier, nonce, "https://"+r.Host+ReturnPath)
	var refused *issuerError
	switch {
	case errors.Is(err, errNonce) || errors.As(err, &refused) && refused.refused():
		c.wrong.count(r.RemoteAddr)
		c.refuse(w, http.StatusUnauthorized, "the issuer does not take this sign-in any more: sign in again")
	case err != nil:
		c.fail(w, "the issuer cannot be asked for the token", err)
	default:
		c.start(w, r, next, token)
	}
}
