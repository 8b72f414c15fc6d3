package badinput

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// password is in no message.
const password = "hush-hush"

// onServer is a database server that demands passwords, with a database that a server has written
// to as a user without more rights than it needs.
type onServer struct {
	storage string
	server  *sqltest.Server
	place   engine.Place // of the administrator
	keys    string       // the folder of the keys of the server that has written
	data    string
}

func newOnServer(t *testing.T, storage string) *onServer {
	t.Helper()
	cert, key := selfSigned(t)
	opts := sqltest.Options{Certificate: cert, Key: key}
	if storage == engine.PostgreSQL {
		opts.Access = []string{"host all postgres all trust", "host all all all scram-sha-256"}
	}
	s := &onServer{storage: storage}
	s.server, s.place = engine.StartWith(t, storage, opts)
	s.keys = t.TempDir()
	server := start(t, component.ArkOptions{Dir: t.TempDir(), Keys: s.keys, Storage: s.place.Flags()})
	client := clientOf(t, server)
	writeQueries(t, client)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	s.data = s.contents(t)
	if strings.Count(s.data, "/"+namespace+"/query-") != 10 {
		t.Fatalf("the database does not hold what was written:\n%s", s.data)
	}
	return s
}

// contents opens the database as the server does and prints every key with its revision and value.
func (s *onServer) contents(t *testing.T) string {
	t.Helper()
	ctx := context.Background() // also used when the test has ended
	e, err := s.place.Open(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return contentsOf(t, e)
}

// sql runs statements in the database.
func (s *onServer) sql(t *testing.T, statements ...string) {
	t.Helper()
	if err := s.place.Exec(t.Context(), statements...); err != nil {
		t.Fatal(err)
	}
}

// with are the flags for the database, but for those given.
func (s *onServer) with(flags ...string) component.ArkOptions {
	all := append(s.place.Flags(), "--db-wait=0")
	for _, flag := range flags {
		name, _, _ := strings.Cut(flag, "=")
		all = slices.DeleteFunc(all, func(f string) bool { return strings.HasPrefix(f, name+"=") })
	}
	return component.ArkOptions{Storage: append(all, flags...)}
}

// TestServers are database servers and databases that cannot be used as they are. Each must be told
// by name, with what to do, and be left as it was.
func TestServers(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			s := newOnServer(t, storage)
			login := map[string]string{
				engine.PostgreSQL: "CREATE ROLE %s LOGIN PASSWORD '" + password + "'",
				engine.MySQL:      "CREATE USER %s IDENTIFIED BY '" + password + "'",
			}[storage]
			s.sql(t, fmt.Sprintf(login, "nobody"), fmt.Sprintf(login, "reader"))
			s.sql(t, map[string][]string{
				engine.PostgreSQL: {"GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"},
				engine.MySQL:      {"GRANT SELECT ON `" + s.place.Config.Name + "`.* TO reader"},
			}[storage]...)
			host := "--db-host=127.0.0.1"
			withPassword := func(o component.ArkOptions, password string) component.ArkOptions {
				o.Env = append(o.Env, "ARK_DB_PASSWORD="+password)
				return o
			}
			ca := filepath.Join(t.TempDir(), "ca.pem")
			other, _ := selfSigned(t)
			write(t, ca, string(other))
			write(t, ca+".txt", "not a certificate")
			unused := strconv.Itoa(freePort(t))
			for name, test := range map[string]struct {
				options component.ArkOptions
				// prepare changes the database, and returns how to undo that.
				prepare, undo []string
				code          int
				texts         map[string][]string // by storage; "" for both
			}{
				"a host that does not exist": {options: s.with("--db-host=no-such-host.invalid"),
					texts: map[string][]string{"": {"--db-host=no-such-host.invalid", "no such host no-such-host.invalid"}}},
				"a port where nobody listens": {options: s.with("--db-port=" + unused),
					texts: map[string][]string{"": {host, unused, "connection refused"}}},
				"the port of something else": {options: s.with("--db-port=" + mute(t)),
					texts: map[string][]string{"": {host}}},
				"a wrong password": {options: withPassword(s.with("--db-user=nobody"), "wrong-guess"),
					texts: map[string][]string{"": {host, `"nobody"`, "check"}, engine.PostgreSQL: {"pg_hba.conf"}, engine.MySQL: {"password"}}},
				"no password": {options: s.with("--db-user=nobody"),
					texts: map[string][]string{"": {host, `"nobody"`, "check"}}},
				"a password file that does not exist": {options: s.with("--db-user=nobody", "--db-password-file=missing.txt"),
					texts: map[string][]string{"": {"missing.txt", "no such file"}}},
				"a database that does not exist": {options: s.with("--db-name=missing"),
					texts: map[string][]string{"": {host, `"missing"`, "CREATE DATABASE"}}},
				"a user without rights": {options: withPassword(s.with("--db-user=nobody"), password),
					texts: map[string][]string{"": {host, "GRANT SELECT, INSERT, UPDATE, DELETE ON"}}},
				"a user who may only read": {options: withPassword(s.with("--db-user=reader"), password),
					texts: map[string][]string{"": {host, "GRANT SELECT, INSERT, UPDATE, DELETE ON"}}},
				"from a newer version": {options: s.with(),
					prepare: []string{"INSERT INTO ark_schema (version, demands, title" + map[string]string{engine.MySQL: ", at"}[storage] + ") VALUES (99, 99, 'to come'" + map[string]string{engine.MySQL: ", 0"}[storage] + ")"},
					undo:    []string{"DELETE FROM ark_schema WHERE version = 99"},
					texts:   map[string][]string{"": {host, "newer ark-server", "99", "run that release"}}},
				"another program's tables": {options: s.with(),
					prepare: []string{"ALTER TABLE ark_schema RENAME TO ark_schema_hidden"},
					undo:    []string{"ALTER TABLE ark_schema_hidden RENAME TO ark_schema"},
					texts:   map[string][]string{"": {host, "ark_", "another database"}}},
				"an authority that did not sign": {options: s.with("--db-tls-ca-file=" + ca),
					texts: map[string][]string{"": {host, "certificate", "authority"}}},
				"an authority that is none": {options: s.with("--db-tls-ca-file=" + ca + ".txt"),
					texts: map[string][]string{"": {"ca.pem.txt"}}},
				"a port in use": {options: component.ArkOptions{Storage: s.with().Storage, Port: s.place.Config.Port},
					texts: map[string][]string{"": {fmt.Sprintf("--secure-port=%d", s.place.Config.Port), "another program listens", "choose another port"}}},
				"too few connections": {options: s.with("--db-max-connections=2"), code: wrongUsage,
					texts: map[string][]string{"": {"--db-max-connections=2", "use 5 or more"}}},
				"an unknown TLS mode": {options: s.with("--db-tls-mode=yes"), code: wrongUsage,
					texts: map[string][]string{"": {"--db-tls-mode=yes", "verify-full"}}},
			} {
				t.Run(name, func(t *testing.T) {
					s.sql(t, test.prepare...)
					o := test.options
					o.Dir = t.TempDir()
					r := refused{options: o, code: max(failed, test.code), texts: append(test.texts[""], test.texts[storage]...)}
					said := r.check(t)
					for _, secret := range []string{password, "wrong-guess"} {
						if strings.Contains(said, secret) {
							t.Errorf("it tells the password: %s", said)
						}
					}
					s.sql(t, test.undo...)
				})
			}
			if got := s.contents(t); got != s.data {
				t.Errorf("the data changed:\n%s\nbefore:\n%s", got, s.data)
			}
		})
	}
}

// TestServersWithoutTLS: TLS that is demanded of a server without it is not given up quietly.
func TestServersWithoutTLS(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			_, place := engine.Start(t, storage)
			for _, mode := range []string{"require", "verify-full"} {
				refused{
					options: component.ArkOptions{Dir: t.TempDir(), Storage: append(place.Flags(), "--db-wait=0", "--db-tls-mode="+mode)},
					code:    failed, texts: []string{"--db-host=127.0.0.1", "offers no TLS"},
				}.check(t)
			}
		})
	}
}

// TestServerRequests are the requests of TestRequests, kept from a database server.
func TestServerRequests(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			s := newOnServer(t, storage)
			testRequests(t, component.ArkOptions{Dir: t.TempDir(), Keys: s.keys, Storage: s.place.Flags()})
			if got := s.contents(t); got != s.data {
				t.Errorf("the data changed:\n%s\nbefore:\n%s", got, s.data)
			}
		})
	}
}

// mute is the port of a program that speaks neither protocol.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := component.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// selfSigned is a server certificate for 127.0.0.1 that nobody trusts, and its key.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
