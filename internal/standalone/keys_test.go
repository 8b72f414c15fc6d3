package standalone

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"
)

func readCertificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := parseCertificate(content)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func openKeys(t *testing.T, dir string, names []string, now time.Time) *Keys {
	t.Helper()
	keys, err := OpenKeys(dir, names, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestKeysAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	names := []string{"localhost", "127.0.0.1"}
	now := time.Now()
	first := openKeys(t, dir, names, now)
	cert := readCertificate(t, first.ServingCert())
	if first.Token() == "" || cert.VerifyHostname("127.0.0.1") != nil || cert.VerifyHostname("localhost") != nil {
		t.Fatalf("the keys are not complete: token of %d bytes, certificate for %v %v", len(first.Token()), cert.DNSNames, cert.IPAddresses)
	}
	for _, c := range []struct {
		name    string
		names   []string
		later   time.Duration
		renewed bool
	}{
		{"at once", names, 0, false},
		{"a month before the end", names, servingLife - renewBefore - time.Hour, false},
		{"near the end", names, servingLife - renewBefore + time.Hour, true},
		{"after the end", names, servingLife + time.Hour, true},
		{"with another name", append(slices.Clone(names), "ark.example.com"), 0, true},
		{"with fewer names", names[:1], 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "keys")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			again := openKeys(t, copied, c.names, now.Add(c.later))
			if again.Token() != first.Token() || string(again.CA()) != string(first.CA()) {
				t.Error("the token or the authority changed")
			}
			got := readCertificate(t, again.ServingCert())
			if renewed := !got.Equal(cert); renewed != c.renewed {
				t.Errorf("renewed: %t, want %t", renewed, c.renewed)
			}
			for _, name := range c.names {
				if err := got.VerifyHostname(name); err != nil {
					t.Error(err)
				}
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(again.CA())
			if _, err := got.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.Add(c.later)}); err != nil {
				t.Errorf("clients would refuse the certificate: %v", err)
			}
		})
	}
}

// Servers that share a folder and start at once have the same keys, and a serving certificate that
// is good for all of them.
func TestServersShareAFolder(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "keys"), time.Now()
	names := []string{"a.example.com", "b.example.com", "192.0.2.7"}
	servers := make([]*Keys, len(names))
	var starting errgroup.Group
	for i, name := range names {
		starting.Go(func() (err error) {
			servers[i], err = OpenKeys(dir, []string{"localhost", name}, func() time.Time { return now })
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}
	for range servers { // as each of them does from time to time
		for _, k := range servers {
			if err := k.Renew(); err != nil {
				t.Fatal(err)
			}
		}
	}
	cert := readCertificate(t, servers[0].ServingCert())
	for i, k := range servers {
		if k.Token() != servers[0].Token() || string(k.CA()) != string(servers[0].CA()) || string(k.serviceAccounts) != string(servers[0].serviceAccounts) {
			t.Errorf("server %d has other keys", i)
		}
		if err := cert.VerifyHostname(names[i]); err != nil {
			t.Error(err)
		}
	}
	if _, err := tls.LoadX509KeyPair(servers[0].ServingCert(), servers[0].ServingKey()); err != nil {
		t.Error(err)
	}
	if err := servers[0].Renew(); err != nil || !readCertificate(t, servers[0].ServingCert()).Equal(cert) {
		t.Errorf("the certificate was replaced once more: %v", err)
	}
}

func TestSecretsAreTheOwnersOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	keys := openKeys(t, dir, nil, time.Now())
	kubeconfig := filepath.Join(t.TempDir(), "admin.kubeconfig")
	if _, err := keys.Kubeconfig("ark", "https://127.0.0.1:6443").Merge(kubeconfig, false); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		dir:                                0o700 | os.ModeDir,
		filepath.Join(dir, caKeyName):      0o600,
		filepath.Join(dir, servingKeyName): 0o600,
		filepath.Join(dir, tokenName):      0o600,
		kubeconfig:                         0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", path, info.Mode(), want)
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if config.BearerToken != keys.Token() || config.Host != "https://127.0.0.1:6443" {
		t.Errorf("the kubeconfig is of %s with another token", config.Host)
	}
}

func TestDamagedAuthorityIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	openKeys(t, dir, nil, now)
	clock := func() time.Time { return now }
	if _, err := OpenKeys(dir, nil, func() time.Time { return now.Add(authorityLife + time.Hour) }); err == nil {
		t.Error("an expired authority is used")
	}
	if err := os.WriteFile(filepath.Join(dir, caCertName), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(dir, nil, clock); err == nil {
		t.Error("a damaged authority is used")
	}
	// A start that was cut short between the two files leaves the key alone.
	if err := os.Remove(filepath.Join(dir, caCertName)); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(dir, nil, clock); err != nil {
		t.Errorf("half an authority is not completed: %v", err)
	}
}

func TestServerURL(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:6443":  "https://127.0.0.1:6443",
		"0.0.0.0:6443":    "https://127.0.0.1:6443",
		"[::]:6443":       "https://127.0.0.1:6443",
		"[::1]:1":         "https://[::1]:1",
		"192.0.2.1:65535": "https://192.0.2.1:65535",
	} {
		address, err := net.ResolveTCPAddr("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := URL(address); got != want {
			t.Errorf("URL(%s) = %s, want %s", listen, got, want)
		}
		for _, name := range []string{"localhost", "127.0.0.1"} {
			if !slices.Contains(servingNames(address, nil), name) {
				t.Errorf("the certificate for %s does not cover %s", listen, name)
			}
		}
	}
}
