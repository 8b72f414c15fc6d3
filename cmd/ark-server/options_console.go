package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/server"
)

// consoleOptions are the settings of the web console.
type consoleOptions struct {
	state string
	hosts []string
	// issuer holds the values of the --console-oidc-... flags; values that are not set are taken from
	// the server's own issuer.
	issuer server.ConsoleIssuer
}

const (
	consoleOn  = "on"
	consoleOff = "off"
)

func (o *consoleOptions) add(fs *pflag.FlagSet) {
	fs.StringVar(&o.state, "console", o.state, "`on|off`: serve the web console at /console of the HTTPS port")
	fs.StringSliceVar(&o.hosts, "console-hosts", nil, "further `names` at which browsers reach the console, such as ark.example.com behind a proxy (default localhost, IP addresses, and the names of the serving certificate)")
	fs.StringVar(&o.issuer.URL, "console-oidc-issuer-url", "", "https `URL` of the OpenID Connect issuer at which users of the console sign in (default that of --oidc-issuer-url)")
	fs.StringVar(&o.issuer.ClientID, "console-oidc-client-id", "", "`name` of the console at its issuer, for which the server must know tokens (default that of --oidc-client-id)")
	fs.StringVar(&o.issuer.SecretFile, "console-oidc-client-secret-file", "", "`file` with the secret of the console at its issuer, read for each sign-in (default none: a public client, by PKCE)")
	fs.StringVar(&o.issuer.CAFile, "console-oidc-ca-file", "", "PEM `file` of the authority that signed the certificate of the console's issuer (default that of --oidc-ca-file, or the system's)")
}

// validateConsole returns every fault of the console flags.
func (o *options) validateConsole() error {
	errs := []error{checkValue("console", o.console.state, consoleOn, consoleOff)}
	if o.console.state == consoleOff && len(o.console.hosts) > 0 {
		errs = append(errs, errors.New("--console-hosts is without effect with --console=off: leave it out, or use --console=on"))
	}
	for _, name := range o.console.hosts {
		if name == "" || strings.ContainsAny(name, "/: *") {
			errs = append(errs, fmt.Errorf("--console-hosts=%s: use a DNS name without scheme and port, such as ark.example.com", name))
		}
	}
	given, issuer := o.console.issuer, o.consoleIssuer()
	switch {
	case given != (server.ConsoleIssuer{}) && o.console.state == consoleOff:
		errs = append(errs, errors.New("--console-oidc-... flags are without effect with --console=off: leave them out, or use --console=on"))
	case given != (server.ConsoleIssuer{}) && (issuer.URL == "" || issuer.ClientID == ""):
		errs = append(errs, errors.New("--console-oidc-issuer-url and --console-oidc-client-id go together, and all other --console-oidc-... flags need them"))
	case given.URL != "" && !strings.HasPrefix(given.URL, "https://"):
		errs = append(errs, fmt.Errorf("--console-oidc-issuer-url=%s: use an https URL", given.URL))
	}
	return errors.Join(errs...)
}

// consoleIssuer returns the issuer at which users of the console sign in.
func (o *options) consoleIssuer() server.ConsoleIssuer {
	issuer, own := o.console.issuer, o.authentication.OIDC
	if issuer.URL != "" && issuer.URL != own.IssuerURL {
		return issuer
	}
	issuer.URL = own.IssuerURL
	issuer.ClientID = cmp.Or(issuer.ClientID, own.ClientID)
	issuer.CAFile = cmp.Or(issuer.CAFile, own.CAFile)
	return issuer
}

// consoleServer returns the console options of the server.
func (o *options) consoleServer() server.ConsoleOptions {
	return server.ConsoleOptions{Off: o.console.state == consoleOff, Hosts: o.console.hosts, Direct: o.cluster.server.Direct, Issuer: o.consoleIssuer()}
}
