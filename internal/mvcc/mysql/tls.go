package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mckinsey/ark-server/internal/database"
)

// tlsConfig translates a TLS mode. fallback allows a connection without TLS when
// the server has none. As with libpq, a Unix socket needs none, and "require" with
// an authority given verifies the certificate.
func tlsConfig(cfg database.Config) (config *tls.Config, fallback bool, err error) {
	mode := cfg.TLS.Mode
	if mode == "" {
		mode = database.TLSPrefer
		if cfg.TLS.CAFile != "" {
			mode = database.TLSVerifyFull
		}
	}
	if mode == database.TLSDisable || strings.HasPrefix(cfg.Host, "/") {
		return nil, false, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.TLS.CAFile != "" {
		pem, err := os.ReadFile(cfg.TLS.CAFile)
		if err != nil {
			return nil, false, fmt.Errorf("read the database's certificate authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, false, fmt.Errorf("%s holds no PEM certificate", cfg.TLS.CAFile)
		}
	}
	if (cfg.TLS.CertFile == "") != (cfg.TLS.KeyFile == "") {
		return nil, false, errors.New("a client certificate needs both its certificate file and its key file")
	}
	if cfg.TLS.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile)
		if err != nil {
			return nil, false, fmt.Errorf("read the client certificate for the database: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	switch mode {
	case database.TLSPrefer:
		c.InsecureSkipVerify = true
		return c, true, nil
	case database.TLSRequire:
		c.InsecureSkipVerify = true
		if c.RootCAs != nil {
			c.VerifyConnection = verifyAuthority(c.RootCAs)
		}
	case database.TLSVerifyCA:
		c.InsecureSkipVerify = true // checked below, all but the name
		c.VerifyConnection = verifyAuthority(c.RootCAs)
	case database.TLSVerifyFull:
		c.ServerName = strings.TrimSuffix(strings.TrimPrefix(cfg.Host, "["), "]")
	default:
		return nil, false, fmt.Errorf("unknown TLS mode %q: choose disable, prefer, require, verify-ca or verify-full", mode)
	}
	return c, false, nil
}

// verifyAuthority checks who signed the server's certificate, not for which host.
func verifyAuthority(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range s.PeerCertificates[1:] {
			opts.Intermediates.AddCert(cert)
		}
		if _, err := s.PeerCertificates[0].Verify(opts); err != nil {
			return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
		}
		return nil
	}
}

// socketPath finds the socket in a folder by its usual names.
func socketPath(host string) string {
	info, err := os.Stat(host)
	if err != nil || !info.IsDir() {
		return host
	}
	for _, name := range []string{"mysqld.sock", "mysql.sock", "my.sock", "mariadb.sock"} {
		path := filepath.Join(host, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return filepath.Join(host, "mysqld.sock")
}
