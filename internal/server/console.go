package server

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	certutil "k8s.io/client-go/util/cert"

	"github.com/mckinsey/ark-server/internal/apiserver/parts"
	"github.com/mckinsey/ark-server/internal/console"
	"github.com/mckinsey/ark-server/internal/version"
)

// ConsoleOptions configure the web console.
type ConsoleOptions struct {
	// Off disables the console.
	Off bool
	// Hosts are names at which browsers reach it, in addition to those of the certificate.
	Hosts []string
	// Issuer is an issuer at which users can also sign in; without a URL there is none.
	Issuer ConsoleIssuer
	// Direct is true if the server also serves the host cluster's API.
	Direct bool
}

// ConsoleIssuer is an OpenID Connect issuer whose ID tokens the server accepts.
type ConsoleIssuer struct {
	URL, ClientID string
	// SecretFile has the client's secret, and is read for each sign-in; "" for a public client.
	SecretFile string
	// CAFile has the authorities of the issuer's certificate as PEM; "" for the system's.
	CAFile string
}

// console returns the issuer for the console; nil if there is none.
func (i ConsoleIssuer) console() (*console.Issuer, error) {
	if i.URL == "" {
		return nil, nil
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	if i.CAFile != "" {
		roots, err := certutil.NewPool(i.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of the console's issuer: %w", err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	issuer := &console.Issuer{URL: i.URL, ClientID: i.ClientID, Client: &http.Client{
		Transport: transport,
		// The code and the secret are only sent to the issuer's own endpoint: redirects are not followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if i.SecretFile != "" {
		issuer.Secret = func() (string, error) {
			text, err := os.ReadFile(i.SecretFile)
			return strings.TrimSpace(string(text)), err
		}
	}
	return issuer, nil
}

// consoleFrom is the configuration of the console that depends on the mode.
type consoleFrom struct {
	// secrets is the file that all replicas share, and certificate the serving certificate.
	secrets, certificate string
	names                []string
	mode                 string
}

// consoleFrom returns the configuration for a standalone server.
func (m Standalone) consoleFrom() consoleFrom {
	certificate := m.CertFile
	if certificate == "" {
		certificate = filepath.Join(m.KeysDir, "server.crt")
	}
	return consoleFrom{filepath.Join(m.KeysDir, "ca.key"), certificate, m.Names, "standalone"}
}

// consoleFrom returns the configuration for a server in a cluster.
func (m Aggregated) consoleFrom() consoleFrom {
	return consoleFrom{m.Server.KeyFile, m.Server.CertFile, nil, "aggregated"}
}

// newConsole returns the console; nil if it is disabled.
func (o Options) newConsole(from consoleFrom, data *data) (*console.Console, error) {
	if o.Console.Off {
		return nil, nil
	}
	secrets := &fileSecrets{path: from.secrets, now: time.Now}
	hosts := append(slices.Clone(from.names), o.Console.Hosts...)
	for i := range hosts {
		hosts[i] = strings.ToLower(strings.TrimSuffix(hosts[i], "."))
	}
	issuer, err := o.Console.Issuer.console()
	if err != nil {
		return nil, err
	}
	return console.New(console.Options{
		Issuer:  issuer,
		Secrets: secrets.read,
		Names: func(name string) bool {
			return slices.Contains(hosts, name) || certificateNames(from.certificate, name)
		},
		Ended: newEndedSessions(data.side, time.Now),
		Now:   time.Now,
	})
}

// outer returns the wrapper of the server's whole handler.
func (o Options) outer(c *console.Console) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		next = o.Chat.outer(next)
		if c != nil {
			next = c.Around(next)
		}
		return next
	}
}

// paths returns the paths of the parts of this process other than the API.
func (o Options) paths() []parts.Paths {
	all := o.Chat.paths()
	if !o.Console.Off {
		all = append(all, parts.Paths{Prefixes: []string{console.SessionPath}})
	}
	return all
}

// whoami is the response of console.SessionPath: the user, and the features of the server.
type whoami struct {
	User     string              `json:"user"`
	UID      string              `json:"uid,omitempty"`
	Groups   []string            `json:"groups,omitempty"`
	Extra    map[string][]string `json:"extra,omitempty"`
	Server   string              `json:"server"`
	Version  string              `json:"version"`
	Storage  string              `json:"storage"`
	Features map[string]bool     `json:"features"`
}

// serveSession serves the console's pages the user's identity.
func (o Options) serveSession(to *genericapiserver.GenericAPIServer, from consoleFrom) {
	if o.Console.Off {
		return
	}
	to.Handler.NonGoRestfulMux.UnlistedHandle(console.SessionPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := apirequest.UserFrom(r.Context())
		if !ok {
			http.Error(w, "the request has no user", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(whoami{ // the client may be gone
			User: who.GetName(), UID: who.GetUID(), Groups: who.GetGroups(), Extra: who.GetExtra(),
			Server: from.mode, Version: version.Ark(), Storage: string(o.Storage.Kind),
			Features: map[string]bool{
				"chat": !o.Chat.Off, "engine": o.Engine != nil, "history": o.History, "readModel": o.ReadModel.Path != "" && o.Storage.Kind != Etcd,
				"direct": o.Console.Direct, "tokens": from.mode == "standalone" && o.Storage.Kind != Etcd,
			},
		})
	}))
}
