package standalone

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issuer is an OpenID Connect issuer.
type issuer struct {
	*httptest.Server
	key    *rsa.PrivateKey
	caFile string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	i := &issuer{httptest.NewTLSServer(mux), key, filepath.Join(t.TempDir(), "ca.pem")}
	t.Cleanup(i.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":%[1]q,"response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"]}`, i.URL, i.URL+"/keys")
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		encode := base64.RawURLEncoding.EncodeToString
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":"1","n":%q,"e":%q}]}`, encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
	})
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
	if err := os.WriteFile(i.caFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// sign returns a token with claims in addition to those that every token has.
func (i *issuer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": i.URL, "aud": "ark", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	for name, value := range claims {
		all[name] = value
	}
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature)
}

// answers waits for an answer: the issuer's keys are fetched, and files are read again, in the
// background.
func answers(t *testing.T, r *running, text, path string, want int) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		code, body := do(t, with(r.config, text), "GET", path, nil)
		if code == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("GET %s: got %d, want %d: %s", path, code, want, body)
		}
	}
}

func TestOIDC(t *testing.T) {
	outside := newIssuer(t)
	r := start(t, t.TempDir(), func(o *Options) {
		o.Authentication.OIDC = OIDC{IssuerURL: outside.URL, ClientID: "ark", CAFile: outside.caFile, GroupsClaim: "groups", GroupsPrefix: "system:", RequiredClaims: map[string]string{"org": "one"}}
	})
	good := map[string]any{"sub": "alice", "org": "one"}
	answers(t, r, outside.sign(t, good), "/version", 200)
	answers(t, r, outside.sign(t, map[string]any{"sub": "alice", "org": "one", "groups": []string{"masters"}}), someAgents, 200)
	for name, claims := range map[string]map[string]any{
		"no required claim": {"sub": "alice"},
		"another audience":  {"sub": "alice", "org": "one", "aud": "other"},
		"an old token":      {"sub": "alice", "org": "one", "exp": time.Now().Add(-time.Hour).Unix()},
		"no user":           {"org": "one"},
	} {
		if code, body := do(t, with(r.config, outside.sign(t, claims)), "GET", "/version", nil); code != 401 {
			t.Errorf("%s: got %d: %s", name, code, body)
		}
	}
	text := outside.sign(t, good)
	if code, _ := do(t, with(r.config, text[:len(text)-4]+"AAAA"), "GET", "/version", nil); code != 401 {
		t.Errorf("a wrong signature: got %d", code)
	}
	if code, _ := do(t, with(r.config, text), "GET", someAgents, nil); code != 403 {
		t.Errorf("a user without rights: got %d", code)
	}
}

const authenticationConfig = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: %s
    audiences: [ark]
    certificateAuthority: |
      %s
  claimMappings:
    username: {claim: sub, prefix: ""}
    groups: {expression: '%s'}
`

// The file is read again when it changes, and one that cannot be used leaves the one before.
func TestAuthenticationConfiguration(t *testing.T) {
	outside := newIssuer(t)
	ca, err := os.ReadFile(outside.caFile)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "authentication.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	indented := strings.ReplaceAll(strings.TrimSpace(string(ca)), "\n", "\n      ")
	write(fmt.Sprintf(authenticationConfig, outside.URL, indented, "[]"))
	r := start(t, t.TempDir(), func(o *Options) { o.Authentication.ConfigFile = file })
	text := outside.sign(t, map[string]any{"sub": "alice"})
	answers(t, r, text, "/version", 200)
	answers(t, r, text, someAgents, 403)
	write("apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: [{}]\n")
	answers(t, r, text, "/version", 200)
	write(fmt.Sprintf(authenticationConfig, outside.URL, indented, `["system:masters"]`))
	answers(t, r, outside.sign(t, map[string]any{"sub": "alice", "nonce": "1"}), someAgents, 200)
}

func TestAuthenticationConfigurationFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "AuthenticationConfiguration",
		"kind: Pod\napiVersion: v1\n": "AuthenticationConfiguration",
		"apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: false}\n":        "leave the field out",
		"apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: [{issuer: {url: 'http://x'}}]\n": "https",
		"apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nunknown: 1\n":                         "unknown",
		fmt.Sprintf(authenticationConfig, serviceAccountIssuer, "x", "[]"):                                                serviceAccountIssuer,
	} {
		if _, err := parseAuthentication([]byte(text), []string{serviceAccountIssuer}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
