package standalone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
	"k8s.io/klog/v2"
)

// Authentication configures the external issuers whose users a server accepts, as
// kube-apiserver's flags do.
// The zero value accepts none.
type Authentication struct {
	// ConfigFile is an AuthenticationConfiguration, followed as it changes; "" for none. OIDC must be
	// empty then.
	ConfigFile string
	OIDC       OIDC
}

// OIDC is one issuer of OpenID Connect. Without an IssuerURL there is none.
type OIDC struct {
	IssuerURL, ClientID string
	// CAFile holds the authorities of the issuer's certificate as PEM; "" for the system's.
	CAFile string
	// UsernameClaim is "sub" by default. Without a UsernamePrefix, "IssuerURL#" stands before every
	// claim but email; "-" leaves it out.
	UsernameClaim, UsernamePrefix string
	GroupsClaim, GroupsPrefix     string
	// SigningAlgs are RS256 by default.
	SigningAlgs []string
	// RequiredClaims are claims and the values that they must have.
	RequiredClaims map[string]string
}

// AuthenticationError reports what is wrong with the settings for external users.
type AuthenticationError struct {
	// File is Authentication.ConfigFile, or "" where the error is about OIDC.
	File string
	Err  error
}

func (e *AuthenticationError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *AuthenticationError) Unwrap() error { return e.Err }

const defaultUsernameClaim = "sub"

func (o Authentication) signingAlgorithms() []string {
	switch {
	case o.ConfigFile != "":
		return oidc.AllValidSigningAlgorithms() // the issuer's keys decide
	case len(o.OIDC.SigningAlgs) > 0:
		return o.OIDC.SigningAlgs
	}
	return []string{"RS256"}
}

// load returns the checked configuration, and the text of the file. own are issuers that it must
// not name.
func (o Authentication) load(own []string) (*apiserver.AuthenticationConfiguration, []byte, error) {
	if o.ConfigFile != "" {
		text, err := os.ReadFile(o.ConfigFile)
		if err != nil {
			return nil, nil, &AuthenticationError{o.ConfigFile, err}
		}
		config, err := parseAuthentication(text, own)
		if err != nil {
			return nil, nil, &AuthenticationError{o.ConfigFile, err}
		}
		return config, text, nil
	}
	config := &apiserver.AuthenticationConfiguration{}
	if o.OIDC.IssuerURL != "" {
		issuer, err := o.OIDC.authenticator()
		if err != nil {
			return nil, nil, &AuthenticationError{"", err}
		}
		config.JWT = []apiserver.JWTAuthenticator{issuer}
	}
	if err := validateAuthentication(config, own); err != nil {
		return nil, nil, &AuthenticationError{"", err}
	}
	return config, nil, nil
}

// authenticator is the issuer as a configuration file would have it.
func (o OIDC) authenticator() (apiserver.JWTAuthenticator, error) {
	claim, prefix := o.UsernameClaim, o.UsernamePrefix
	if claim == "" {
		claim = defaultUsernameClaim
	}
	switch {
	case prefix == "-":
		prefix = ""
	case prefix == "" && claim != "email":
		prefix = o.IssuerURL + "#"
	}
	a := apiserver.JWTAuthenticator{
		Issuer:        apiserver.Issuer{URL: o.IssuerURL, Audiences: []string{o.ClientID}},
		ClaimMappings: apiserver.ClaimMappings{Username: apiserver.PrefixedClaimOrExpression{Claim: claim, Prefix: &prefix}},
	}
	if o.GroupsClaim != "" {
		a.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Claim: o.GroupsClaim, Prefix: &o.GroupsPrefix}
	}
	for name, value := range o.RequiredClaims {
		a.ClaimValidationRules = append(a.ClaimValidationRules, apiserver.ClaimValidationRule{Claim: name, RequiredValue: value})
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return a, fmt.Errorf("read the issuer's authorities: %w", err)
		}
		a.Issuer.CertificateAuthority = string(pem)
	}
	return a, nil
}

// errAnonymous is for a file that changes what those may do who show no credentials.
var errAnonymous = errors.New("anonymous: without credentials a standalone server answers nothing but health and version: leave the field out")

func parseAuthentication(text []byte, own []string) (*apiserver.AuthenticationConfiguration, error) {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	object, err := runtime.Decode(serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder(), text)
	if err != nil {
		return nil, fmt.Errorf("read an AuthenticationConfiguration of apiserver.config.k8s.io/v1: %w", err)
	}
	config, ok := object.(*apiserver.AuthenticationConfiguration)
	if !ok {
		return nil, fmt.Errorf("it holds a %s, and no AuthenticationConfiguration of apiserver.config.k8s.io/v1", reflect.TypeOf(object).Elem().Name())
	}
	if config.Anonymous != nil {
		return nil, errAnonymous
	}
	return config, validateAuthentication(config, own)
}

func validateAuthentication(config *apiserver.AuthenticationConfiguration, own []string) error {
	return validation.ValidateAuthenticationConfiguration(authenticationcel.NewDefaultCompiler(), config, own).ToAggregate()
}

const (
	// authenticationPoll is how often the file is looked at, and authenticationUpdate how long the
	// issuers of a new one may take to answer before the old one stays.
	authenticationPoll   = 10 * time.Second
	authenticationUpdate = time.Minute
)

// follow makes update apply the file whenever its text changes from the one that load returned,
// until the context ends. A file that cannot be used is logged, and the one before stays.
func (o Authentication) follow(ctx context.Context, used []byte, own []string, update func(context.Context, *apiserver.AuthenticationConfiguration) error) {
	var refused []byte // cannot ever be used
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		text, err := os.ReadFile(o.ConfigFile)
		if err == nil && (bytes.Equal(text, used) || refused != nil && bytes.Equal(text, refused)) {
			return
		}
		var config *apiserver.AuthenticationConfiguration
		if err == nil {
			if config, err = parseAuthentication(text, own); err != nil {
				refused = text
			}
		}
		if err == nil {
			within, cancel := context.WithTimeout(ctx, authenticationUpdate)
			err = update(within, config)
			cancel()
		}
		switch {
		case err == nil:
			used, refused = text, nil
			klog.FromContext(ctx).Info("The authentication configuration was read again", "file", o.ConfigFile)
		case ctx.Err() == nil:
			klog.FromContext(ctx).Error(err, "The changed authentication configuration cannot be used, and the one before stays: correct the file", "file", o.ConfigFile)
		}
	}, authenticationPoll)
}
