package aggregated

import (
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/access"
)

// NewAccess returns what finds out which rows users may see, by SubjectAccessReviews. Decisions are
// kept as long as those about requests, and access.MaxAge at most.
func NewAccess(cluster *rest.Config, allowTTL, denyTTL time.Duration) (*access.Resolver, error) {
	config := rest.CopyConfig(cluster)
	config.QPS, config.Burst = accessQPS, accessBurst
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the client for access reviews of many rows: %w", err)
	}
	reviews, err := newAuthorizer(client, 0, 0, false, nil) // kept once, by the resolver
	if err != nil {
		return nil, err
	}
	return access.New(access.Options{Authorizer: reviews, AllowFor: min(allowTTL, access.MaxAge), DenyFor: min(denyTTL, access.MaxAge)})
}
