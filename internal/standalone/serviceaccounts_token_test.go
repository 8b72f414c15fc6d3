package standalone

import (
	"encoding/json"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

// signed returns a token of a service account.
func signed(t *testing.T, keys *Keys, account api.ServiceAccount) string {
	t.Helper()
	tokens, err := newServiceAccountTokens(keys)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := serviceaccount.Claims(account, nil, nil, nil, nil, nil, 3600, 0, tokens.Audiences, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tokens.Generator.GenerateToken(t.Context(), public, private)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The key of service accounts' tokens outlives the server, others can verify with it, and a token of an account that
// does not exist, or of another server, is refused.
func TestServiceAccountKey(t *testing.T) {
	dir := t.TempDir()
	first, again := openKeys(t, dir, nil, time.Now()), openKeys(t, dir, nil, time.Now())
	if string(first.serviceAccounts) != string(again.serviceAccounts) || len(first.serviceAccounts) == 0 {
		t.Error("the key was not kept")
	}
	r := start(t, t.TempDir())
	account := api.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "nobody", UID: "1"}}
	for what, keys := range map[string]*Keys{"an account that does not exist": r.server.keys, "another server": first} {
		if code, text := do(t, with(r.config, signed(t, keys, account)), "GET", "/version", nil); code != 401 {
			t.Errorf("a token of %s: got %d: %s", what, code, text)
		}
	}

	if code, _ := do(t, with(r.config, ""), "GET", serviceaccount.JWKSPath, nil); code != 403 {
		t.Errorf("anonymous reads the keys: %d", code)
	}
	code, text := do(t, r.config, "GET", serviceaccount.OpenIDConfigPath, nil)
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal([]byte(text), &about); err != nil || code != 200 || about.Issuer != serviceAccountIssuer || about.Keys != r.config.Host+serviceaccount.JWKSPath {
		t.Errorf("got %d: %s", code, text)
	}
	code, text = do(t, r.config, "GET", serviceaccount.JWKSPath, nil)
	var set struct {
		Keys []struct{ Kty, Alg string } `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil || code != 200 || len(set.Keys) != 1 || set.Keys[0].Alg != "ES256" {
		t.Errorf("got %d: %s", code, text)
	}
}
