package standalone

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The owner's certificate is shown for its names, and a new one without a restart; loopback keeps
// the server's own.
func TestOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	give := func(name string) *x509.CertPool {
		t.Helper()
		keys := openKeys(t, filepath.Join(t.TempDir(), "keys"), []string{name}, time.Now())
		for from, to := range map[string]string{keys.ServingKey(): key, keys.ServingCert(): cert} {
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(keys.CA())
		return pool
	}
	first := give("ark.example.com")
	r := start(t, t.TempDir(), func(o *Options) { o.CertFile, o.KeyFile = cert, key })
	address := r.config.Host[len("https://"):]
	shown := func(name string, trusted *x509.CertPool) error {
		conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: name, RootCAs: trusted})
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	own := x509.NewCertPool()
	own.AppendCertsFromPEM(r.server.keys.CA())
	if err := shown("ark.example.com", first); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		if err := shown(name, own); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	second := give("ark.example.com")
	for end := time.Now().Add(2 * time.Minute); shown("ark.example.com", second) != nil; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new certificate is not shown")
		}
	}
	if _, err := localNames(nil, filepath.Join(dir, "none"), key); err == nil {
		t.Error("a certificate that is not there was taken")
	}
}
