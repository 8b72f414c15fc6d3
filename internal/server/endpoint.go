package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"

	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// requestBytes returns the most bytes of one write at the endpoint. Clients count the frame of an
// event towards the 16 MiB that they read.
func requestBytes(maxObject int) int { return min(maxObject, storage.MaxMaxObjectBytes-watchFrame) }

const watchFrame = 4 << 10

// unprotected reports whether every user and program of this machine can use a listener, because
// the protocol has no authentication of its own.
func unprotected(l net.Listener, config *tls.Config) bool {
	return l.Addr().Network() != "unix" && !etcdserver.DemandsClientCertificate(config)
}

func etcdAddress(l net.Listener) string { return l.Addr().Network() + "://" + l.Addr().String() }

// errNoCertificate is the error for a certificate file without a certificate.
var errNoCertificate = errors.New("it holds no PEM certificate")

// tls returns the TLS configuration, or nil for plain text.
func (o EndpointOptions) tls() (*tls.Config, error) {
	if o.CertFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		return nil, about(SettingEndpointCertificate, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if o.ClientCAFile != "" {
		pem, err := os.ReadFile(o.ClientCAFile)
		if err != nil {
			return nil, about(SettingEndpointClientCA, err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, about(SettingEndpointClientCA, errNoCertificate)
		}
	}
	return config, nil
}
