package postgres

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// TestRotatedPassword: the password is read again for each new connection, so that a
// server may be given another one at any time.
func TestRotatedPassword(t *testing.T) {
	s := ownServer(t, sqltest.Options{
		Settings: []string{"password_encryption = 'scram-sha-256'"}, // PostgreSQL 13 has another default
		Access: []string{
			"host all runner 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 trust",
		}})
	admin := s.Database(t)
	execute(t, admin, "CREATE ROLE runner LOGIN PASSWORD 'first secret'", "GRANT CREATE ON SCHEMA public TO runner")
	dir := t.TempDir()
	for name, cfg := range map[string]database.Config{
		"password file": {Host: admin.Host, Port: admin.Port, Name: admin.Name, User: "runner", PasswordFile: filepath.Join(dir, "password")},
		"DSN file":      {DSNFile: filepath.Join(dir, "dsn")},
	} {
		t.Run(name, func(t *testing.T) {
			write := func(password string) {
				text, path := password+"\n", cfg.PasswordFile
				if cfg.DSNFile != "" {
					text, path = fmt.Sprintf("host=%s port=%d dbname=%s user=runner password='%s'\n", admin.Host, admin.Port, admin.Name, password), cfg.DSNFile
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			execute(t, admin, "ALTER ROLE runner PASSWORD 'first secret'")
			write("wrong secret")
			_, err := Open(t.Context(), cfg, Options{Wait: time.Hour})
			if err == nil || !strings.Contains(err.Error(), "refuses the credentials") || strings.Contains(err.Error(), "wrong secret") {
				t.Fatalf("got %v, want that the credentials are wrong, without them", err)
			}
			write("first secret")
			e := open(t, cfg)
			defer e.Close()
			at := enginetest.PositionOf(t, e)
			if err := e.Commit(t.Context(), enginetest.PutBatch(at, "k"+name, "v")); err != nil {
				t.Fatal(err)
			}
			execute(t, admin, "ALTER ROLE runner PASSWORD 'second secret'")
			write("second secret")
			execute(t, admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'runner'",
				"DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'runner') LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $$")
			// The sessions that have been ended are found out before anything is sent.
			at.Revision++
			if err := e.Commit(t.Context(), enginetest.PutBatch(at, "l"+name, "v")); err != nil {
				t.Fatal(err)
			}
			enginetest.PositionOf(t, e)
		})
	}
}

// TestBadConfiguration: each mistake is named, and no secret.
func TestBadConfiguration(t *testing.T) {
	good := localDatabase(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().(*net.TCPAddr).Port
	free.Close()
	for name, tc := range map[string]struct {
		change func(*database.Config)
		want   []string
	}{
		"no database":      {func(c *database.Config) { c.Name = "nowhere" }, []string{"does not exist", "CREATE DATABASE"}},
		"nobody there":     {func(c *database.Config) { c.Port = closed }, []string{"connection refused", fmt.Sprint(closed)}},
		"no user":          {func(c *database.Config) { c.User = "nobody" }, []string{"nobody"}},
		"no TLS":           {func(c *database.Config) { c.TLS.Mode = database.TLSRequire }, []string{"offers no TLS", "enable it there"}},
		"no password file": {func(c *database.Config) { c.PasswordFile = filepath.Join(dir, "none") }, []string{"read the password", "none"}},
		"no DSN file":      {func(c *database.Config) { *c = database.Config{DSNFile: filepath.Join(dir, "none")} }, []string{"read the DSN", "none"}},
		"empty DSN":        {func(c *database.Config) { *c = database.Config{DSNFile: file("empty", "\n")} }, []string{"empty", "postgres://"}},
		"bad DSN": {func(c *database.Config) {
			*c = database.Config{DSNFile: file("bad", "postgres://ann:hunter2%zz@localhost:x/y")}
		}, []string{"no valid DSN", "postgres://"}},
		"few connections": {func(c *database.Config) { c.MaxConnections = 2 }, []string{"at least"}},
		"no CA":           {func(c *database.Config) { c.TLS.Mode = database.TLSVerifyCA; c.TLS.CAFile = filepath.Join(dir, "none") }, []string{"none"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			e, err := Open(t.Context(), cfg, Options{})
			if err == nil {
				e.Close()
				t.Fatal("opened")
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q tells the password", err)
			}
			t.Log(err)
		})
	}
}

// TestTLS: each mode demands what it says.
func TestTLS(t *testing.T) {
	authority := newAuthority(t)
	cert, key := authority.issue(t, "db.example.com")
	s := ownServer(t, sqltest.Options{Certificate: cert, Key: key, Access: []string{
		"hostssl all all 127.0.0.1/32 trust",
	}})
	base := database.Config{Host: "127.0.0.1", Port: port(t, s), Name: "postgres", User: "postgres"}
	dir := t.TempDir()
	ca, other := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "other.pem")
	for path, a := range map[string]*authorityCert{ca: authority, other: newAuthority(t)} {
		if err := os.WriteFile(path, a.pem, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		mode database.TLSMode
		ca   string
		want string // "" for success
	}{
		{"", "", ""},
		{"", ca, "certificate"}, // verify-full
		{database.TLSDisable, "", "no pg_hba.conf entry"},
		{database.TLSPrefer, "", ""},
		{database.TLSRequire, "", ""},
		{database.TLSVerifyCA, ca, ""},
		{database.TLSVerifyCA, other, "name its authority"},
		{database.TLSVerifyFull, ca, "certificate"},
		{database.TLSVerifyFull, "", "certificate"},
	} {
		cfg := base
		cfg.TLS = database.TLS{Mode: tc.mode, CAFile: tc.ca}
		conn, err := newServer(cfg).connect(t.Context())
		if err == nil {
			var encrypted bool
			if err := conn.QueryRow(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil || !encrypted {
				t.Errorf("%q: encrypted %t, %v", tc.mode, encrypted, err)
			}
			conn.Close(t.Context())
		}
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%q with %q: %v", tc.mode, tc.ca, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%q with %q: got %v, want %q", tc.mode, tc.ca, err, tc.want)
		}
	}
}

// TestWait: a database that comes later is waited for, and one that does not come, not
// for ever.
func TestWait(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	cfg := s.Database(t)
	if err := s.Halt(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	opts := Options{Wait: 300 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil))}
	if _, err := Open(t.Context(), cfg, opts); err == nil || !strings.Contains(err.Error(), "tried for 300ms") {
		t.Fatalf("got %v, want that the time is over", err)
	}
	if !strings.Contains(log.String(), "waiting for the database") || !strings.Contains(log.String(), "connection refused") {
		t.Errorf("logged %q", &log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := Open(ctx, cfg, Options{Wait: time.Hour, Log: opts.Log}); err == nil {
		t.Fatal("opened")
	}
	restarted := make(chan error, 1)
	go func() {
		time.Sleep(200 * time.Millisecond)
		restarted <- s.Restart(t.Context())
	}()
	opts.Wait = time.Minute
	e, err := Open(t.Context(), cfg, opts)
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Commit(t.Context(), enginetest.PutBatch(mvcc.Position{Revision: 1}, "k", "v")); err != nil {
		t.Fatal(err)
	}
}

// TestWaitWithoutTLS: that a server offers no TLS is no reason to give up where TLS is not
// demanded; what it says without counts, such as that it has no connection to spare.
func TestWaitWithoutTLS(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	cfg := s.Database(t)
	open(t, cfg).Close()
	if err := s.Exec(t.Context(), "CREATE ROLE busy LOGIN CONNECTION LIMIT 0"); err != nil {
		t.Fatal(err)
	}
	cfg.User = "busy"
	waits := make(chan string, 100)
	opts := Options{Wait: time.Minute, NoMigrate: true, Log: slog.New(slog.NewTextHandler(lines(waits), nil))}
	opened := make(chan error, 1)
	go func() {
		e, err := Open(t.Context(), cfg, opts)
		if err == nil {
			err = e.Close()
		}
		opened <- err
	}()
	select {
	case line := <-waits:
		if !strings.Contains(line, "waiting for the database") || !strings.Contains(line, "no connection to spare") {
			t.Errorf("logged %q", line)
		}
	case err := <-opened:
		t.Fatalf("it did not wait: %v", err)
	}
	if err := s.Exec(t.Context(), "ALTER ROLE busy SUPERUSER CONNECTION LIMIT -1"); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	cfg.TLS.Mode = database.TLSRequire
	begin := time.Now()
	if _, err := Open(t.Context(), cfg, opts); err == nil || !strings.Contains(err.Error(), "offers no TLS") || time.Since(begin) > opts.Wait {
		t.Errorf("got %v after %s, want at once that the server offers no TLS", err, time.Since(begin))
	}
}

// lines gets what is written.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default: // enough
	}
	return len(b), nil
}

func port(t *testing.T, s *sqltest.Server) int {
	_, text, err := net.SplitHostPort(s.Address())
	if err != nil {
		t.Fatal(err)
	}
	n, err := net.LookupPort("tcp", text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

type authorityCert struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authorityCert {
	t.Helper()
	a := &authorityCert{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.pem, a.key = sign(t, template, nil)
	block, _ := pem.Decode(a.pem)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	a.cert = cert
	return a
}

func (a *authorityCert) issue(t *testing.T, host string) (cert, key []byte) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, private := sign(t, template, a)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func sign(t *testing.T, template *x509.Certificate, by *authorityCert) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key
}
