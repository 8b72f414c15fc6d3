package standalone

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	kubeauthenticator "k8s.io/kubernetes/pkg/kubeapiserver/authenticator"
)

// tokenCacheTTL is how long the answer about a token of a service account, or of an issuer outside,
// is good: as in kube-apiserver.
const tokenCacheTTL = 10 * time.Second

// applyAuthentication configures how the user of a request is determined:
//
//   - the holder of the admin token or of one that `token create` has made; tokens may be nil;
//   - the subject of a client certificate that the authority has signed (CN is the user, O the
//     groups);
//   - a service account, by a token that this server has signed;
//   - a user of an issuer outside, as o says;
//   - or else nobody.
//
// A token that is wrong is 401 rather than nobody. What asks issuers for their keys ends with the
// context. The function that is returned follows changes of the configuration while the server
// runs.
func applyAuthentication(ctx context.Context, config *genericapiserver.Config, client kubernetes.Interface, keys *Keys, accounts *serviceAccountTokens, tokens authenticator.Token, o Authentication) (func(context.Context), error) {
	ca, err := dynamiccertificates.NewStaticCAContent("client-ca", keys.CA())
	if err != nil {
		return nil, fmt.Errorf("trust client certificates: %w", err)
	}
	if err := config.Authentication.ApplyClientCert(ca, config.SecureServing); err != nil {
		return nil, fmt.Errorf("ask for client certificates: %w", err)
	}
	own := []string{accounts.Issuer}
	outside, text, err := o.load(own)
	if err != nil {
		return nil, err
	}
	upstream := kubeauthenticator.Config{
		Anonymous:                      apiserver.AnonymousAuthConfig{Enabled: true},
		AuthenticationConfig:           outside,
		OIDCSigningAlgs:                o.signingAlgorithms(),
		ServiceAccountLookup:           true,
		ServiceAccountIssuers:          own,
		APIAudiences:                   accounts.Audiences,
		TokenSuccessCacheTTL:           tokenCacheTTL,
		ServiceAccountPublicKeysGetter: accounts.Keys,
		ServiceAccountTokenGetter:      tokenObjects{client},
		SecretsWriter:                  client.CoreV1(),
		ClientCAContentProvider:        ca,
		APIServerID:                    config.APIServerID,
	}
	known, update, _, _, err := upstream.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up authentication: %w", err)
	}
	follow := func(context.Context) {}
	if o.ConfigFile != "" {
		follow = func(ctx context.Context) { o.follow(ctx, text, own, update) }
	}
	config.Authentication.APIAudiences = accounts.Audiences
	// Ours come first: they need nobody else, and are in no cache that would outlive their revocation.
	config.Authentication.Authenticator = union.New(ownTokens(keys.Token(), tokens, accounts.Audiences), known)
	return follow, nil
}

// ownTokens authenticates the server's own tokens, which are valid for any audience.
func ownTokens(adminToken string, tokens authenticator.Token, audiences authenticator.Audiences) authenticator.Request {
	admin := map[string]*user.DefaultInfo{
		adminToken: {Name: AdminUser, Groups: []string{user.SystemPrivilegedGroup}},
	}
	known := []authenticator.Request{authenticatorfactory.NewFromTokens(admin, audiences)}
	if tokens != nil {
		tokens = authenticator.WrapAudienceAgnosticToken(audiences, tokens)
		known = append(known, bearertoken.New(tokens), websocket.NewProtocolAuthenticator(tokens))
	}
	return group.NewAuthenticatedGroupAdder(union.New(known...))
}
