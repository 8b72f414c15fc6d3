package aggregated

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/path"
	"k8s.io/apiserver/pkg/authorization/union"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
)

// publicPaths may be read by anybody, with all below them: kubelet's probes and
// clients that have no credentials yet ask for them.
var publicPaths = []string{"/healthz", "/livez", "/readyz", "/version"}

func isPublic(requested string) bool {
	return slices.ContainsFunc(publicPaths, func(public string) bool {
		return requested == public || strings.HasPrefix(requested, public+"/")
	})
}

// newAuthorizer asks the cluster what a user may do, except where the answer is known: the group
// system:masters may do anything there, and so here. With everyName it asks about a right to all
// objects first.
func newAuthorizer(client kubernetes.Interface, allowTTL, denyTTL time.Duration, everyName bool, lasting *outage) (authorizer.Authorizer, error) {
	var patterns []string
	for _, public := range publicPaths {
		patterns = append(patterns, public, public+"/*")
	}
	public, err := path.NewAuthorizer(patterns)
	if err != nil {
		return nil, fmt.Errorf("allow the public paths: %w", err)
	}
	review, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: client.AuthorizationV1(),
		AllowCacheTTL:             allowTTL,
		DenyCacheTTL:              denyTTL,
		WebhookRetryBackoff:       genericoptions.DefaultAuthWebhookRetryBackoff(),
	}.New()
	if err != nil {
		return nil, fmt.Errorf("set up access reviews: %w", err)
	}
	if lasting != nil {
		review = lasting.authorizer(review)
	}
	if everyName {
		review = anyName(review)
	}
	all, err := union.New(
		union.NamedAuthorizer{AuthorizerName: "masters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)},
		union.NamedAuthorizer{AuthorizerName: "public-paths", Authorizer: public},
		union.NamedAuthorizer{AuthorizerName: "cluster", Authorizer: review},
	)
	if err != nil {
		return nil, fmt.Errorf("combine the authorizers: %w", err)
	}
	return all, nil
}
