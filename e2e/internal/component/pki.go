package component

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Authority signs certificates for a test's control plane and keeps them in a folder.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
	// File is the path of its certificate. PEM is the content of that file.
	File string
	PEM  []byte
}

// NewAuthority creates an authority; its certificate is <name>.crt in dir.
func NewAuthority(dir, name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of %s: %w", name, err)
	}
	template := newTemplate(name)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	a := &Authority{dir: dir, cert: cert, key: key, File: filepath.Join(dir, name+".crt"), PEM: encode("CERTIFICATE", der)}
	if err := os.WriteFile(a.File, a.PEM, 0o600); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return a, nil
}

// Pair is a certificate with its key, as files and as PEM.
type Pair struct {
	CertFile, KeyFile string
	Cert, Key         []byte
}

// Serving signs a server's certificate for DNS names and IP addresses.
func (a *Authority) Serving(name string, hosts ...string) (Pair, error) {
	template := newTemplate(name)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return a.sign(name, template)
}

// Client signs a client's certificate: name is the user, groups are the user's groups.
func (a *Authority) Client(name string, groups ...string) (Pair, error) {
	template := newTemplate(name)
	template.Subject.Organization = groups
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.sign(name, template)
}

func (a *Authority) sign(name string, template *x509.Certificate) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make the key of %s: %w", name, err)
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("sign the certificate of %s: %w", name, err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode the key of %s: %w", name, err)
	}
	file := filepath.Join(a.dir, fmt.Sprintf("%s-%d", filepath.Base(name), template.SerialNumber))
	p := Pair{CertFile: file + ".crt", KeyFile: file + ".key", Cert: encode("CERTIFICATE", der), Key: encode("EC PRIVATE KEY", keyDER)}
	for path, content := range map[string][]byte{p.CertFile: p.Cert, p.KeyFile: p.Key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return Pair{}, fmt.Errorf("write the certificate of %s: %w", name, err)
		}
	}
	return p, nil
}

func newTemplate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // never fails
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(24 * time.Hour),
	}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
