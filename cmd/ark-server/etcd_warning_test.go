package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// A port that every user of the machine can use is warned of; a socket is not.
func TestEtcdPortWarning(t *testing.T) {
	demanding := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	for _, c := range []struct {
		name, network, address string
		config                 *tls.Config
		warned                 bool
	}{
		{"a port", "tcp", "127.0.0.1:0", nil, true},
		{"a port with a certificate", "tcp", "127.0.0.1:0", &tls.Config{}, true},
		{"a port for client certificates", "tcp", "127.0.0.1:0", demanding, false},
		{"a socket", "unix", filepath.Join(t.TempDir(), "s"), nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			old := slog.Default()
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			defer slog.SetDefault(old)
			l, err := net.Listen(c.network, c.address)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			warnOfPort(l, c.config)
			if got := log.Len() > 0; got != c.warned {
				t.Errorf("logged %q", log.String())
			}
			if c.warned && !strings.Contains(log.String(), "--etcd-listen=unix:///") {
				t.Errorf("%q does not name the alternative", log.String())
			}
		})
	}
}
