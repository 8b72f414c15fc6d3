package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// addAuthenticationFlags adds kube-apiserver's flags for external users. The help shows the most
// common ones.
func (o *options) addAuthenticationFlags(fs *pflag.FlagSet) {
	a, oidc := &o.authentication, &o.authentication.OIDC
	fs.StringVar(&a.ConfigFile, "authentication-config", "", "`file` with an AuthenticationConfiguration of apiserver.config.k8s.io/v1: issuers whose users are known, and how their claims are read; read again when it changes")
	fs.StringVar(&oidc.IssuerURL, "oidc-issuer-url", "", "https `URL` of an OpenID Connect issuer whose users are known")
	fs.StringVar(&oidc.ClientID, "oidc-client-id", "", "`name` of the client that the issuer's tokens must be for")
	fs.StringVar(&oidc.CAFile, "oidc-ca-file", "", "PEM `file` of the authority that signed the issuer's certificate (default the system's)")
	fs.StringVar(&oidc.UsernameClaim, "oidc-username-claim", oidc.UsernameClaim, "`claim` with the user's name")
	fs.StringVar(&oidc.UsernamePrefix, "oidc-username-prefix", "", "`text` before the user's name; - for none (default the issuer's URL and #, none for the claim email)")
	fs.StringVar(&oidc.GroupsClaim, "oidc-groups-claim", "", "`claim` with the user's groups")
	fs.StringVar(&oidc.GroupsPrefix, "oidc-groups-prefix", "", "`text` before the name of each group")
	fs.StringSliceVar(&oidc.SigningAlgs, "oidc-signing-algs", oidc.SigningAlgs, "`algorithms` that tokens may be signed with")
	fs.StringSliceVar(&o.oidcRequired, "oidc-required-claim", nil, "`claim=value` that tokens must have; may be given several times")
}

// oidcFlags reports whether a flag for an issuer was set.
func (o *options) oidcFlags() bool {
	c := o.authentication.OIDC
	return c.IssuerURL != "" || c.ClientID != "" || c.CAFile != "" || c.UsernameClaim != "sub" || c.UsernamePrefix != "" || c.GroupsClaim != "" ||
		c.GroupsPrefix != "" || len(o.oidcRequired) > 0 || len(c.SigningAlgs) != 1 || c.SigningAlgs[0] != "RS256"
}

// validateAuthentication returns the faults of the flags for external users.
func (o *options) validateAuthentication() error {
	o.authentication.OIDC.RequiredClaims = map[string]string{}
	for _, required := range o.oidcRequired {
		claim, value, ok := strings.Cut(required, "=")
		if !ok || claim == "" {
			return fmt.Errorf("--oidc-required-claim=%s: use claim=value", required)
		}
		o.authentication.OIDC.RequiredClaims[claim] = value
	}
	file, c := o.authentication.ConfigFile, o.authentication.OIDC
	switch {
	case o.mode == modeAggregated && file != "":
		return fmt.Errorf("--authentication-config=%s: is for a standalone server; in a cluster users come from the cluster", file)
	case o.mode == modeAggregated && o.oidcFlags():
		return errors.New("--oidc-issuer-url and the other --oidc-... flags are for a standalone server; in a cluster users come from the cluster")
	case file != "" && o.oidcFlags():
		return fmt.Errorf("--authentication-config=%s: say there what the --oidc-... flags say, and leave these out", file)
	case o.oidcFlags() && (c.IssuerURL == "" || c.ClientID == ""):
		return errors.New("--oidc-issuer-url and --oidc-client-id go together, and all other --oidc-... flags need them")
	}
	return nil
}
