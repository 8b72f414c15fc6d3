package server

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"testing"
)

// Every user of the machine can use a port unless it requires client certificates; a socket is
// protected by its permissions.
func TestUnprotected(t *testing.T) {
	demanding := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	for _, c := range []struct {
		name, network, address string
		config                 *tls.Config
		want                   bool
	}{
		{"a port", "tcp", "127.0.0.1:0", nil, true},
		{"a port with a certificate", "tcp", "127.0.0.1:0", &tls.Config{}, true},
		{"a port for client certificates", "tcp", "127.0.0.1:0", demanding, false},
		{"a socket", "unix", filepath.Join(t.TempDir(), "s"), nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen(c.network, c.address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if got := unprotected(l, c.config); got != c.want {
				t.Errorf("unprotected: %t", got)
			}
		})
	}
}
