package aggregated

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/user"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/webhook"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/utils/lru"
)

const (
	// tokensKept bounds of how many tokens the audiences are remembered.
	tokensKept = 8192
	// nobody begins the audience that no token has and no review has asked for before.
	nobody = "ark-server.review."
	// ownTime is kept free for the review itself, so that an answer is no older than it may be when it
	// ends.
	ownTime = time.Second
)

// tokens asks the cluster who the bearers of tokens are, and has it look each time. kube-apiserver
// keeps its own answers for 10 s, by token and audiences. Behind our cache that would be 20 s for a
// token that has been revoked. So a review names, beside the token's own audiences, one that has
// never been asked for: kube-apiserver has no answer to it.
type tokens struct {
	reviews authenticationclient.TokenReviewInterface
	known   *lru.Cache // of tokens' hashes: []string, the audiences that the cluster accepts them for
}

// withTokens adds bearer tokens to the authenticators of known. An answer counts for ttl, from the
// beginning of the review.
func withTokens(known authenticator.Request, reviews authenticationclient.TokenReviewInterface, ttl time.Duration) authenticator.Request {
	authenticatorfactory.RegisterMetrics()
	t := &tokens{reviews: reviews, known: lru.New(tokensKept)}
	cached := cache.New(t, false, max(0, ttl-ownTime), max(0, ttl-ownTime))
	bearers := group.NewAuthenticatedGroupAdder(union.New(bearertoken.New(cached), websocket.NewProtocolAuthenticator(cached)))
	return union.New(known, bearers)
}

// AuthenticateToken implements authenticator.Token.
func (t *tokens) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	key := sha256.Sum256([]byte(token))
	audiences, found := t.audiences(key)
	if !found {
		status, err := t.review(ctx, token, nil)
		if err != nil || !status.Authenticated {
			return nil, false, refusal(status, err)
		}
		if audiences = status.Audiences; len(audiences) == 0 {
			return response(status), true, nil // a cluster without audiences keeps no answers by them
		}
		t.known.Add(key, audiences)
	}
	status, err := t.review(ctx, token, append(slices.Clone(audiences), nobody+string(uuid.NewUUID())))
	if err != nil || !status.Authenticated {
		return nil, false, refusal(status, err)
	}
	if !slices.ContainsFunc(status.Audiences, func(one string) bool { return slices.Contains(audiences, one) }) {
		return nil, false, nil
	}
	return response(status), true, nil
}

func (t *tokens) audiences(key [sha256.Size]byte) ([]string, bool) {
	value, _ := t.known.Get(key)
	audiences, found := value.([]string)
	return audiences, found
}

// review asks, and again where the cluster does not answer.
func (t *tokens) review(ctx context.Context, token string, audiences []string) (authenticationv1.TokenReviewStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	var status authenticationv1.TokenReviewStatus
	began := time.Now()
	err := webhook.WithExponentialBackoff(ctx, *genericoptions.DefaultAuthWebhookRetryBackoff(), func() error {
		asked, err := t.reviews.Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences}}, metav1.CreateOptions{})
		if asked != nil {
			status = asked.Status
		}
		return err
	}, webhook.DefaultShouldRetry)
	code := "<error>"
	var answer apierrors.APIStatus
	switch {
	case err == nil:
		code = "201"
	case errors.As(err, &answer):
		code = fmt.Sprint(answer.Status().Code)
	}
	authenticatorfactory.RecordRequestTotal(ctx, code)
	authenticatorfactory.RecordRequestLatency(ctx, code, time.Since(began).Seconds())
	return status, err
}

// refusal is why a token is not taken: nil where the cluster says no more than that.
func refusal(status authenticationv1.TokenReviewStatus, err error) error {
	if err == nil && status.Error != "" {
		err = errors.New(status.Error)
	}
	return err
}

func response(status authenticationv1.TokenReviewStatus) *authenticator.Response {
	extra := map[string][]string{}
	for key, value := range status.User.Extra {
		extra[key] = value
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: status.User.Username, UID: status.User.UID, Groups: status.User.Groups, Extra: extra}}
}
