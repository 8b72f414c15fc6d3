package standalone

import (
	"fmt"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/path"
	"k8s.io/apiserver/pkg/authorization/union"
)

// publicPaths may be read by anybody: probes and clients ask them before they
// have credentials.
var publicPaths = []string{
	"/healthz", "/healthz/*", "/livez", "/livez/*", "/readyz", "/readyz/*", "/version", "/version/",
}

// newAuthorizer says who may do what: the group system:masters everything
// (the server's own clients are in it), everybody the public paths. Who
// is not allowed by any of the union's members is refused, so rules for other
// users are one more member.
func newAuthorizer(allowed []string) (authorizer.Authorizer, error) {
	public, err := path.NewAuthorizer(publicPaths)
	if err != nil {
		return nil, fmt.Errorf("allow the public paths: %w", err)
	}
	all, err := union.New(
		union.NamedAuthorizer{AuthorizerName: "masters", Authorizer: authorizerfactory.NewPrivilegedGroups(append([]string{user.SystemPrivilegedGroup}, allowed...)...)},
		union.NamedAuthorizer{AuthorizerName: "public-paths", Authorizer: public},
	)
	if err != nil {
		return nil, fmt.Errorf("combine the authorizers: %w", err)
	}
	return all, nil
}
