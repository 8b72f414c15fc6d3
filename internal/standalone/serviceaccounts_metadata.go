package standalone

import (
	"fmt"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kubernetes/pkg/routes"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

// installMetadata serves the issuer's OpenID metadata and its public keys, by which others verify
// service accounts' tokens. url is where clients reach the server.
func (t *serviceAccountTokens) installMetadata(server *genericapiserver.GenericAPIServer, url string) error {
	provider, err := serviceaccount.NewOpenIDMetadataProvider(t.Issuer, url+serviceaccount.JWKSPath, "", t.Keys)
	if err != nil {
		return fmt.Errorf("describe the issuer of service accounts' tokens: %w", err)
	}
	routes.NewOpenIDMetadataServer(provider).Install(server.Handler.GoRestfulContainer)
	return nil
}
