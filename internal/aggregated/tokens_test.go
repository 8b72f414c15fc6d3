package aggregated

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/utils/lru"
)

// keepingReviews answers as kube-apiserver does: what it has accepted it accepts again, for the
// same audiences, though the token has been revoked.
type keepingReviews struct {
	authenticationclient.TokenReviewInterface
	mu      sync.Mutex
	good    map[string][]string // audiences by token
	kept    map[string]bool
	asked   int
	without bool // knows no audiences
}

const clusterAudience = "https://kubernetes.default.svc"

func (k *keepingReviews) Create(_ context.Context, r *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	wanted := r.Spec.Audiences
	if len(wanted) == 0 {
		wanted = []string{clusterAudience, "other"}
	}
	key := r.Spec.Token + " " + strings.Join(wanted, " ")
	out := r.DeepCopy()
	var both []string
	for _, one := range k.good[r.Spec.Token] {
		if slices.Contains(wanted, one) {
			both = append(both, one)
		}
	}
	if len(both) == 0 && !k.kept[key] {
		out.Status.Error = "invalid bearer token"
		return out, nil
	}
	if len(both) == 0 {
		both = []string{clusterAudience}
	}
	k.kept[key] = true
	out.Status.Authenticated, out.Status.Audiences = true, both
	if k.without {
		out.Status.Audiences = nil
	}
	out.Status.User = authenticationv1.UserInfo{Username: "u-" + r.Spec.Token, UID: "1", Groups: []string{"g"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}
	return out, nil
}

func bearing(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

var nobodyElse = authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) { return nil, false, nil })

// A token that is revoked is refused at the first question after the answer's time, whatever
// kube-apiserver keeps.
func TestRevokedTokens(t *testing.T) {
	k := &keepingReviews{good: map[string][]string{"a": {clusterAudience}, "b": {"other"}}, kept: map[string]bool{}}
	own := &tokens{reviews: k, known: lru.New(tokensKept)}
	for _, token := range []string{"a", "b"} {
		response, ok, err := own.AuthenticateToken(t.Context(), token)
		if err != nil || !ok || response.User.GetName() != "u-"+token || response.User.GetGroups()[0] != "g" || response.User.GetExtra()["k"][0] != "v" {
			t.Fatalf("%s: %v, %v", token, ok, err)
		}
		delete(k.good, token)
		if _, ok, err := own.AuthenticateToken(t.Context(), token); ok || err == nil {
			t.Errorf("%s is revoked: %v, %v", token, ok, err)
		}
	}
	if _, ok, _ := own.AuthenticateToken(t.Context(), "nobody's"); ok {
		t.Error("a token of nobody")
	}
	k.without, k.good["c"] = true, []string{clusterAudience}
	if _, ok, err := own.AuthenticateToken(t.Context(), "c"); !ok || err != nil {
		t.Errorf("without audiences: %v, %v", ok, err)
	}
}

// An answer counts for the time that was set, and the group of authenticated users is added.
func TestTokensAreCached(t *testing.T) {
	k := &keepingReviews{good: map[string][]string{"a": {clusterAudience}}, kept: map[string]bool{}}
	all := withTokens(nobodyElse, k, 10*time.Second)
	for range 3 {
		response, ok, err := all.AuthenticateRequest(bearing("a"))
		if !ok || err != nil || !slices.Contains(response.User.GetGroups(), "system:authenticated") {
			t.Fatalf("%v, %v", ok, err)
		}
	}
	if k.asked != 2 {
		t.Errorf("%d reviews, want one for the audiences and one for the token", k.asked)
	}
	delete(k.good, "a")
	at := withTokens(nobodyElse, k, ownTime)
	if _, ok, _ := at.AuthenticateRequest(bearing("b")); ok {
		t.Error("a token of nobody")
	}
	// Credentials of other kinds come first.
	first := withTokens(anonymous.NewAuthenticator(nil), k, time.Minute)
	if response, ok, err := first.AuthenticateRequest(bearing("a")); !ok || err != nil || response.User.GetName() != "system:anonymous" {
		t.Errorf("%v, %v", ok, err)
	}
}

// A cluster that does not answer is no refusal: an outage is told from it by the error.
func TestTokensWithoutACluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	own := &tokens{reviews: silentReviews{}, known: lru.New(tokensKept)}
	_, ok, err := own.AuthenticateToken(ctx, "a")
	if ok || !silent(err) {
		t.Errorf("%v, %v", ok, err)
	}
}

type silentReviews struct {
	authenticationclient.TokenReviewInterface
}

func (silentReviews) Create(ctx context.Context, _ *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	<-ctx.Done()
	return nil, errors.Join(ctx.Err())
}
