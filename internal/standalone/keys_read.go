package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// ReadKeys returns what clients need of the keys that a server keeps in a folder: CA and Token. It
// makes and changes nothing. The error is fs.ErrNotExist if no server has been started with this
// folder.
func ReadKeys(dir string) (*Keys, error) {
	k := &Keys{dir: dir}
	var err error
	if k.ca.certPEM, err = os.ReadFile(k.path(caCertName)); err != nil {
		return nil, fmt.Errorf("read the certificate authority: %w", err)
	}
	token, err := os.ReadFile(k.path(tokenName))
	if err != nil {
		return nil, fmt.Errorf("read the admin token: %w", err)
	}
	if k.token = strings.TrimSpace(string(token)); k.token == "" {
		return nil, errors.Join(fmt.Errorf("the admin token in %s is empty", k.path(tokenName)), fs.ErrNotExist)
	}
	return k, nil
}

// Covers reports whether the serving certificate is valid for a host name or an IP address.
func (k *Keys) Covers(host string) (bool, error) {
	content, err := os.ReadFile(k.ServingCert())
	if err != nil {
		return false, err
	}
	cert, err := parseCertificate(content)
	if err != nil {
		return false, err
	}
	return cert.VerifyHostname(host) == nil, nil
}
