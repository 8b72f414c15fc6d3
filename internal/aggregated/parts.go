package aggregated

import (
	"net/http"

	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
)

// Parts describe what parts of the process serve and may do in addition to the API.
type Parts struct {
	// Grants are the rights of users that are such parts. The cluster is not asked about them.
	Grants []parts.Grant
	// Paths are theirs: every user that the cluster authenticates may use them.
	Paths []parts.Paths
	// LongRunning reports, in addition to the stock answer, whether a request may take as long as it
	// likes, and Outer goes around the whole handler. Both may be nil.
	LongRunning func(*http.Request) bool
	Outer       func(http.Handler) http.Handler
}

// apply is called once authorization and the direct endpoint are set up.
func (p Parts) apply(config *assembly.Config) {
	generic := config.Generic
	generic.Authorization.Authorizer = parts.WithPaths(parts.WithGrants(generic.Authorization.Authorizer, p.Grants, config.InProcess.Caller), p.Paths)
	if stock := generic.LongRunningFunc; p.LongRunning != nil {
		generic.LongRunningFunc = func(r *http.Request, info *request.RequestInfo) bool {
			return stock(r, info) || p.LongRunning(r)
		}
	}
	if p.Outer == nil {
		return
	}
	inner := config.Outer
	config.Outer = func(next http.Handler) http.Handler {
		if inner != nil {
			next = inner(next)
		}
		return p.Outer(next)
	}
}
