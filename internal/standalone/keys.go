package standalone

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
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

// SharedKeyNames are the files that servers on one database must have in common, keys before their
// certificates. The serving certificate is each server's own, or that of all which share the
// folder.
var SharedKeyNames = []string{caKeyName, caCertName, tokenName, serviceAccountKeyName}

// MakeKeys makes those of SharedKeyNames that a folder lacks. Of several processes that do so at
// once, one makes each file.
func MakeKeys(dir string, now time.Time) error {
	_, err := openShared(dir, nil, func() time.Time { return now })
	return err
}

// OpenKeys reads the keys in a folder, and makes what is missing, has expired or
// does not cover the names (DNS names and IP addresses) that clients use. The
// clock says when "now" is.
func OpenKeys(dir string, names []string, now func() time.Time) (*Keys, error) {
	k, err := openShared(dir, names, now)
	if err != nil {
		return nil, err
	}
	if err := k.Renew(); err != nil {
		return nil, err
	}
	return k, nil
}

// openShared is OpenKeys without a serving certificate.
func openShared(dir string, names []string, now func() time.Time) (*Keys, error) {
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
	return k, nil
}

// Renew replaces the serving certificate if it is about to expire, or if another server with this
// folder has replaced it by one that lacks names of this server. The server notices the new file by
// itself.
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
	content, err := readOrMake(path, func() ([]byte, error) {
		random := make([]byte, tokenBytes)
		if _, err := rand.Read(random); err != nil {
			return nil, err
		}
		return []byte(base64.RawURLEncoding.EncodeToString(random) + "\n"), nil
	})
	if err != nil {
		return "", fmt.Errorf("read or make the admin token: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// readOrMake returns the content of a file, which it makes if there is none or an empty one. All
// servers that share the folder and start at once return what the first of them has made.
func readOrMake(path string, newContent func() ([]byte, error)) ([]byte, error) {
	content, err := privatefile.Read(path)
	if err != nil || len(bytes.TrimSpace(content)) > 0 {
		return content, err
	}
	made, err := newContent()
	if err != nil {
		return nil, err
	}
	if content != nil {
		return made, privatefile.Write(path, made)
	}
	if err := privatefile.Create(path, made); !errors.Is(err, fs.ErrExist) {
		return made, err
	}
	return privatefile.Read(path)
}
