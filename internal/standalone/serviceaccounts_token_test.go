package standalone

import (
	"encoding/json"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientset "k8s.io/client-go/kubernetes"
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

// The key of service accounts' tokens outlives the server, others can verify with it, and a token
// of an account that does not exist, or of another server, is refused.
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

// A token that the API has made is its service account's, until the account goes or the Secret that
// it is bound to.
func TestServiceAccountTokens(t *testing.T) {
	r := start(t, t.TempDir())
	client, err := clientset.NewForConfig(r.config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, accounts, secrets := t.Context(), client.CoreV1().ServiceAccounts("default"), client.CoreV1().Secrets("default")
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "bound"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	create := func(to *authenticationv1.BoundObjectReference) string {
		t.Helper()
		made, err := accounts.CreateToken(ctx, "worker", &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: to}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(made.Status.ExpirationTimestamp.Time); left < 50*time.Minute || left > 70*time.Minute {
			t.Errorf("it is good for %s, want an hour", left)
		}
		return made.Status.Token
	}
	who := func(token string) string {
		t.Helper()
		as, err := clientset.NewForConfig(with(r.config, token))
		if err != nil {
			t.Fatal(err)
		}
		review, err := as.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			return ""
		}
		return review.Status.UserInfo.Username
	}
	ends := func(what, token string) {
		t.Helper()
		for begin := time.Now(); who(token) != ""; time.Sleep(50 * time.Millisecond) {
			if time.Since(begin) > 30*time.Second {
				t.Fatalf("the token is good though %s has gone", what)
			}
		}
	}
	const worker = "system:serviceaccount:default:worker"
	free, bound := create(nil), create(&authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Secret", Name: "bound"})
	for _, token := range []string{free, bound} {
		if got := who(token); got != worker {
			t.Errorf("got %q, want %s", got, worker)
		}
	}
	_, err = accounts.CreateToken(ctx, "worker", &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "none"}}}, metav1.CreateOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("a token for a pod: %v", err)
	}
	if err := secrets.Delete(ctx, "bound", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	ends("its Secret", bound)
	if got := who(free); got != worker {
		t.Errorf("the other token: got %q, want %s", got, worker)
	}
	if err := accounts.Delete(ctx, "worker", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	ends("its account", free)
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := who(free); got != "" {
		t.Errorf("a token of an account that was deleted is good for the new one: %s", got)
	}
}
