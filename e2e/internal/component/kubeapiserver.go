package component

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
)

// KubeAPIServer is a real kube-apiserver with a separate etcd and the Ark kinds as CRDs.
type KubeAPIServer struct {
	*Process
	Etcd *Endpoint
	// Config is a member of system:masters with a bearer token, as ark-server's admin is.
	Config *rest.Config
}

// StartKubeAPIServer starts both on loopback with their files in dir and returns when the Ark kinds
// are served. No controllers run: deleted namespaces are not collected, which writes of objects do
// not need.
func StartKubeAPIServer(ctx context.Context, dir string) (_ *KubeAPIServer, err error) {
	path, err := Binary("kube-apiserver")
	if err != nil {
		return nil, err
	}
	etcd, err := StartEtcd(ctx, dir)
	if err != nil {
		return nil, err
	}
	s := &KubeAPIServer{Etcd: etcd}
	defer func() {
		if err != nil {
			s.Kill()
		}
	}()
	token, err := writeToken(filepath.Join(dir, "tokens.csv"))
	if err != nil {
		return nil, err
	}
	key := filepath.Join(dir, "service-account.key")
	if err := writeKey(key); err != nil {
		return nil, err
	}
	port, err := FreePort() // It refuses port 0.
	if err != nil {
		return nil, err
	}
	certs := filepath.Join(dir, "certs")
	s.Process, err = Start(Command{Path: path, Name: "kube-apiserver", Args: []string{
		"--etcd-servers=" + etcd.URL,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--cert-dir=" + certs,
		// A loopback server has no address to advertise, and an Endpoints object must not contain its
		// address.
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC", "--token-auth-file=" + filepath.Join(dir, "tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
	}})
	if err != nil {
		return nil, err
	}
	s.Config = &rest.Config{
		Host:            fmt.Sprintf("https://127.0.0.1:%d", port),
		BearerToken:     token,
		TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(certs, "apiserver.crt")},
	}
	if err := s.waitReady(ctx, func(ctx context.Context) error { return ready(ctx, s.Config) }); err != nil {
		return nil, err
	}
	if err := InstallCRDs(ctx, s.Config); err != nil {
		return nil, err
	}
	return s, nil
}

// Stop ends the apiserver, then its etcd.
func (s *KubeAPIServer) Stop() error {
	var err error
	if s.Process != nil {
		err = s.Process.Stop()
	}
	return errors.Join(err, s.Etcd.Stop())
}

// Kill ends both at once.
func (s *KubeAPIServer) Kill() {
	if s.Process != nil {
		s.Process.Kill()
	}
	s.Etcd.Kill()
}

func writeToken(path string) (string, error) {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	token := hex.EncodeToString(b)
	if err := os.WriteFile(path, []byte(token+",admin,admin,\"system:masters\"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the token file: %w", err)
	}
	return token, nil
}

// writeKey writes the service-account key that kube-apiserver requires.
func writeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a service-account key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the service-account key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		return fmt.Errorf("write the service-account key: %w", err)
	}
	return nil
}

// crdTimeout limits how long the API server may take to serve its CRDs.
const crdTimeout = time.Minute
