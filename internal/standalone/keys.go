package standalone

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// Keys are the server's own credentials, kept in one folder that only its owner
// may enter.
type Keys struct {
	dir   string
	names []string
	now   func() time.Time
	ca    authority
	token string
	// serviceAccounts are the keys of service accounts' tokens, as PEM.
	serviceAccounts []byte
}

const (
	caCertName     = "ca.crt"
	caKeyName      = "ca.key"
	servingName    = "server.crt"
	servingKeyName = "server.key"
	tokenName      = "admin.token"

	serviceAccountKeyName = "service-accounts.key"
)

// OpenKeys reads the keys in a folder, and makes what is missing, has expired or
// does not cover the names (DNS names and IP addresses) that clients use. The
// clock says when "now" is.
func OpenKeys(dir string, names []string, now func() time.Time) (*Keys, error) {
	if err := privatefile.MakeFolder(dir); err != nil {
		return nil, fmt.Errorf("make the folder for the server's keys: %w", err)
	}
	k := &Keys{dir: dir, names: names, now: now}
	var err error
	if k.ca, err = openAuthority(k.path(caCertName), k.path(caKeyName), now()); err != nil {
		return nil, err
	}
	if k.token, err = openToken(k.path(tokenName)); err != nil {
		return nil, err
	}
	if k.serviceAccounts, err = openServiceAccountKey(k.path(serviceAccountKeyName)); err != nil {
		return nil, err
	}
	if err := k.Renew(); err != nil {
		return nil, err
	}
	return k, nil
}

// Renew replaces the serving certificate if it is about to expire. The server
// notices the new files by itself.
func (k *Keys) Renew() error {
	return k.ca.ensureServing(k.ServingCert(), k.ServingKey(), k.names, k.now())
}

// ServingCert and ServingKey are paths of PEM files.
func (k *Keys) ServingCert() string { return k.path(servingName) }
func (k *Keys) ServingKey() string  { return k.path(servingKeyName) }

// CA is the certificate of the authority, as PEM.
func (k *Keys) CA() []byte { return k.ca.certPEM }

// Token is the admin's bearer token.
func (k *Keys) Token() string { return k.token }

func (k *Keys) path(name string) string { return filepath.Join(k.dir, name) }

// tokenBytes of randomness make a token.
const tokenBytes = 32

func openToken(path string) (string, error) {
	content, err := privatefile.Read(path)
	if err != nil {
		return "", fmt.Errorf("read the admin token: %w", err)
	}
	if token := strings.TrimSpace(string(content)); token != "" {
		return token, nil
	}
	random := make([]byte, tokenBytes)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make the admin token: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString(random)
	return token, privatefile.Write(path, []byte(token+"\n"))
}
