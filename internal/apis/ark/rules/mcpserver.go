package rules

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// CheckMCPServer checks address, headers, the poll interval and credentials.
func CheckMCPServer(ctx context.Context, env Env, server *v1alpha1.MCPServer) field.ErrorList {
	s, path := scope{env, server.Namespace}, field.NewPath("spec")
	errs := s.address(ctx, path.Child("address"), server.Spec.Address)
	errs = append(errs, checkHeaders(path.Child("headers"), "", server.Spec.Headers)...)
	errs = append(errs, notNegative(path, "pollInterval", server.Spec.PollInterval)...)
	if server.Spec.Authorization == nil || server.Spec.Authorization.ClientCredentials == nil {
		return errs
	}
	return append(errs, checkClientCredentials(path.Child("authorization", "clientCredentials"), server.Spec.Authorization.ClientCredentials)...)
}

func checkClientCredentials(path *field.Path, c *v1alpha1.ClientCredentials) (errs field.ErrorList) {
	notBlank := func(path *field.Path, value string) {
		if strings.TrimSpace(value) == "" {
			errs = append(errs, field.Required(path, "must not be blank"))
		}
	}
	if c.ClientID != nil {
		notBlank(path.Child("clientID"), *c.ClientID)
	}
	for i, scope := range c.Scopes {
		notBlank(path.Child("scopes").Index(i), scope)
	}
	if c.Resource != nil {
		notBlank(path.Child("resource"), *c.Resource)
	}
	if c.TokenEndpoint != nil {
		u, err := url.Parse(*c.TokenEndpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, field.Invalid(path.Child("tokenEndpoint"), *c.TokenEndpoint,
				fmt.Sprintf("must be a URL such as %s", "https://login.example.com/oauth2/token")))
		}
	}
	if c.ClientAuthentication != nil && c.ClientAuthentication.PrivateKeyJWT != nil && c.ClientAuthentication.PrivateKeyJWT.SecretKeyRef != nil {
		notBlank(path.Child("clientAuthentication", "privateKeyJWT", "secretKeyRef", "name"), value(c.ClientAuthentication.PrivateKeyJWT.SecretKeyRef.Name))
	}
	return errs
}
