package mysql

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), name+".pem")}
	a.key = newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file, encode("CERTIFICATE", der), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// issue makes a certificate for a server.
func (a *authority) issue(t *testing.T, ip string) (cert, key []byte) {
	t.Helper()
	k := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(ip)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, k.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER)
}

// TestTLS: each mode protects as much as it says, on a server whose certificate is for
// another address than the one it is reached at.
func TestTLS(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	right, key := ours.issue(t, "127.0.0.1")
	secure := ownServer(t, sqltest.Options{NoFsync: true, Certificate: right, Key: key})
	wrong, key := ours.issue(t, "192.0.2.1")
	misnamed := ownServer(t, sqltest.Options{NoFsync: true, Certificate: wrong, Key: key})
	plain := ownServer(t, sqltest.Options{NoFsync: true, NoTLS: true})
	for _, tc := range []struct {
		name   string
		server *sqltest.Server
		tls    database.TLS
		want   string // "" is a plain connection, "tls" one that is protected, otherwise the error
	}{
		{"disable", secure, database.TLS{Mode: database.TLSDisable}, ""},
		{"default", secure, database.TLS{}, "tls"},
		{"default, an authority", secure, database.TLS{CAFile: ours.file}, "tls"},
		{"default, another authority", secure, database.TLS{CAFile: other.file}, "not trusted"},
		{"default, none", plain, database.TLS{}, ""},
		{"prefer", misnamed, database.TLS{Mode: database.TLSPrefer}, "tls"},
		{"prefer, none", plain, database.TLS{Mode: database.TLSPrefer}, ""},
		{"require", misnamed, database.TLS{Mode: database.TLSRequire}, "tls"},
		{"require, none", plain, database.TLS{Mode: database.TLSRequire}, "offers no TLS"},
		{"require, an authority", misnamed, database.TLS{Mode: database.TLSRequire, CAFile: other.file}, "not trusted"},
		{"verify-ca", misnamed, database.TLS{Mode: database.TLSVerifyCA, CAFile: ours.file}, "tls"},
		{"verify-ca, another", misnamed, database.TLS{Mode: database.TLSVerifyCA, CAFile: other.file}, "not trusted"},
		{"verify-ca, the system's", misnamed, database.TLS{Mode: database.TLSVerifyCA}, "not trusted"},
		{"verify-ca, none", plain, database.TLS{Mode: database.TLSVerifyCA, CAFile: ours.file}, "offers no TLS"},
		{"verify-full", secure, database.TLS{Mode: database.TLSVerifyFull, CAFile: ours.file}, "tls"},
		{"verify-full, misnamed", misnamed, database.TLS{Mode: database.TLSVerifyFull, CAFile: ours.file}, "not trusted"},
		{"verify-full, another", secure, database.TLS{Mode: database.TLSVerifyFull, CAFile: other.file}, "not trusted"},
		{"no mode", secure, database.TLS{Mode: "maybe"}, `unknown TLS mode "maybe"`},
		{"half a client certificate", secure, database.TLS{CertFile: ours.file}, "both"},
		{"no authority", secure, database.TLS{CAFile: "/no/such/file"}, "/no/such/file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := tc.server.Database(t)
			cfg.TLS = tc.tls
			e, err := Open(t.Context(), cfg, quiet)
			if tc.want != "" && tc.want != "tls" {
				must(t, err, tc.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			var name, cipher string
			if err := e.looks.QueryRowContext(t.Context(), "SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher); err != nil || (cipher != "") != (tc.want == "tls") {
				t.Errorf("cipher %q, %v", cipher, err)
			}
			enginetest.CommitNext(t, e, "k")
		})
	}
}

// TestCleartextPassword: a password goes as it is, where the server asks for it, only to one
// that has proved who it is.
func TestCleartextPassword(t *testing.T) {
	for mode, want := range map[database.TLSMode]bool{
		"": false, database.TLSDisable: false, database.TLSPrefer: false, database.TLSRequire: false,
		database.TLSVerifyCA: true, database.TLSVerifyFull: true,
	} {
		cfg := database.Config{Host: "db.example.com", Name: "ark", User: "ark", TLS: database.TLS{Mode: mode}}
		got, err := newConnector(cfg, nil).driverConfig()
		if err != nil || got.AllowCleartextPasswords != want {
			t.Errorf("%q: %t, %v; want %t", mode, got.AllowCleartextPasswords, err, want)
		}
	}
}

// TestSocket: a folder or a path of a Unix socket is a host, and needs no TLS.
func TestSocket(t *testing.T) {
	s := ownServer(t, sqltest.Options{NoFsync: true})
	for _, host := range []string{s.Socket(), filepath.Dir(s.Socket())} {
		cfg := s.Database(t)
		cfg.Host, cfg.Port, cfg.TLS.Mode = host, 0, database.TLSRequire
		e := open(t, cfg)
		enginetest.CommitNext(t, e, "k")
		e.Close()
	}
}

// TestNoWayForThePassword: a server with neither TLS nor an RSA key cannot take MySQL's passwords
// over the network; the error says so, and what to do.
func TestNoWayForThePassword(t *testing.T) {
	opts := sqltest.Options{NoFsync: true, NoTLS: true}
	if !sqltest.IsMariaDB() {
		opts.Settings = []string{"--caching-sha2-password-private-key-path=none.pem", "--caching-sha2-password-public-key-path=none.pem"}
	}
	s := ownServer(t, opts)
	cfg := s.Database(t)
	limitedUser(t, s, &cfg)
	e, err := Open(t.Context(), cfg, quiet)
	if sqltest.IsMariaDB() { // whose passwords need neither
		if err != nil {
			t.Fatal(err)
		}
		e.Close()
		return
	}
	must(t, err, "neither TLS nor an RSA key", "caching_sha2_password", "limited")
}
