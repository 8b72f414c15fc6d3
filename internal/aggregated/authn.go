package aggregated

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authentication/request/union"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
)

// applyAuthentication says who a request comes from, in this order: whom the front
// proxy names, the subject of a client certificate of the cluster, the owner of a
// bearer token. It reads the ConfigMap once, so that a missing permission shows now,
// and that the first request is known already.
// At the direct endpoint (fresh) no answer about a token is older than ttl, see tokens.
func applyAuthentication(ctx context.Context, config *genericapiserver.Config, client kubernetes.Interface, ttl time.Duration, fresh bool, lasting *outage) error {
	trust, err := readTrust(ctx, client)
	if err != nil {
		return fmt.Errorf("read the front proxy's authority: %w", &TrustError{Err: err})
	}
	proxy, err := newFrontProxy(ctx, client, trust[proxyCAKey])
	if err != nil {
		return err
	}
	clients, err := newClientCA(client, trust[clientCAKey])
	if err != nil {
		return fmt.Errorf("trust the cluster's client certificates: %w", err)
	}
	headers := &authenticatorfactory.RequestHeaderConfig{
		CAContentProvider:   proxy,
		UsernameHeaders:     headerrequest.StringSliceProviderFunc(proxy.UsernameHeaders),
		UIDHeaders:          headerrequest.StringSliceProviderFunc(proxy.UIDHeaders),
		GroupHeaders:        headerrequest.StringSliceProviderFunc(proxy.GroupHeaders),
		ExtraHeaderPrefixes: headerrequest.StringSliceProviderFunc(proxy.ExtraHeaderPrefixes),
		AllowedClientNames:  headerrequest.StringSliceProviderFunc(proxy.AllowedClientNames),
	}
	for _, ca := range []dynamiccertificates.CAContentProvider{clients, proxy} {
		if err := config.Authentication.ApplyClientCert(ca, config.SecureServing); err != nil {
			return fmt.Errorf("ask for client certificates: %w", err)
		}
	}
	// The headers that named the user are removed before the request goes on.
	config.Authentication.RequestHeaderConfig = headers

	delegating := authenticatorfactory.DelegatingAuthenticatorConfig{
		TokenAccessReviewClient:            client.AuthenticationV1(),
		TokenAccessReviewTimeout:           reviewTimeout,
		WebhookRetryBackoff:                genericoptions.DefaultAuthWebhookRetryBackoff(),
		CacheTTL:                           ttl,
		ClientCertificateCAContentProvider: clients,
		RequestHeaderConfig:                headers,
	}
	if fresh {
		delegating.TokenAccessReviewClient = nil
	}
	known, _, err := delegating.New()
	if err != nil {
		return fmt.Errorf("set up authentication: %w", err)
	}
	if fresh {
		known = withTokens(known, client.AuthenticationV1().TokenReviews(), ttl)
	}
	if lasting != nil {
		known = lasting.authenticator(known)
	}
	config.Authentication.Authenticator = union.NewFailOnError(known, anonymousOn(isPublic))
	return nil
}

// newFrontProxy follows the ConfigMap's settings of the front proxy.
func newFrontProxy(ctx context.Context, client kubernetes.Interface, first string) (*frontProxy, error) {
	f, err := newFirstCA(first)
	if err != nil {
		return nil, fmt.Errorf("trust the cluster's front proxy: %w", err)
	}
	ca, err := dynamiccertificates.NewDynamicCAFromConfigMapController("front-proxy-ca", trustNamespace, trustConfigMap, proxyCAKey, client)
	if err != nil {
		return nil, fmt.Errorf("trust the cluster's front proxy: %w", err)
	}
	proxy := &frontProxy{first: f, DynamicRequestHeaderController: &genericoptions.DynamicRequestHeaderController{
		ConfigMapCAController: ca,
		RequestHeaderAuthRequestController: headerrequest.NewRequestHeaderAuthRequestController(trustConfigMap, trustNamespace, client,
			"requestheader-username-headers", "requestheader-uid-headers", "requestheader-group-headers",
			"requestheader-extra-headers-prefix", "requestheader-allowed-names"),
	}}
	if err := proxy.RunOnce(ctx); err != nil {
		return nil, fmt.Errorf("read the front proxy's authority: %w", &TrustError{Err: err})
	}
	return proxy, nil
}

// anonymousOn names those who show no credentials system:anonymous, on some paths.
// Elsewhere they are refused with 401 before any review is asked for: requests
// that are anonymous to the cluster come with the front proxy's credentials.
func anonymousOn(public func(path string) bool) authenticator.Request {
	anyone := anonymous.NewAuthenticator(nil)
	return authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		if !public(r.URL.Path) {
			return nil, false, nil
		}
		return anyone.AuthenticateRequest(r)
	})
}
