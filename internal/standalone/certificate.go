package standalone

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	servingLife   = 365 * 24 * time.Hour
	// renewBefore the end of its life a certificate is replaced.
	renewBefore = 30 * 24 * time.Hour
	// clockSkew that a client's clock may be behind.
	clockSkew = 5 * time.Minute
)

// authority signs serving certificates, and clients' certificates should
// somebody make them by hand.
type authority struct {
	certPEM []byte
	cert    *x509.Certificate
	key     crypto.Signer
}

// openAuthority reads the authority, or makes one where there is none. A
// damaged or expired one is an error: replacing it would lock out every client
// that trusts it, which is for the owner to decide.
func openAuthority(certPath, keyPath string, now time.Time) (authority, error) {
	certPEM, err := privatefile.Read(certPath)
	if err != nil {
		return authority{}, fmt.Errorf("read the certificate authority: %w", err)
	}
	keyPEM, err := privatefile.Read(keyPath)
	if err != nil {
		return authority{}, fmt.Errorf("read the certificate authority's key: %w", err)
	}
	if certPEM == nil {
		// The key is written first, so one alone is from a start cut short.
		return newAuthority(certPath, keyPath, now)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return authority{}, fmt.Errorf("the certificate authority in %s and %s cannot be used (remove both to have a new one made): %w", certPath, keyPath, err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return authority{}, fmt.Errorf("the certificate in %s is not that of an authority (remove it and %s to have a new one made)", certPath, keyPath)
	}
	if now.After(pair.Leaf.NotAfter) {
		return authority{}, fmt.Errorf("the certificate authority in %s expired on %s (remove it and %s to have a new one made)", certPath, pair.Leaf.NotAfter.Format(time.DateOnly), keyPath)
	}
	return authority{certPEM: certPEM, cert: pair.Leaf, key: key}, nil
}

func newAuthority(certPath, keyPath string, now time.Time) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, fmt.Errorf("make the certificate authority's key: %w", err)
	}
	template, err := newTemplate("ark-server authority", now, authorityLife)
	if err != nil {
		return authority{}, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	a := authority{cert: template, key: key}
	if a.certPEM, err = a.sign(template, key.Public()); err != nil {
		return authority{}, err
	}
	if a.cert, err = parseCertificate(a.certPEM); err != nil {
		return authority{}, err
	}
	return a, writePair(certPath, a.certPEM, keyPath, key)
}

// ensureServing makes a serving certificate unless the one at hand is good: from
// this authority, for these names, and not about to expire.
func (a authority) ensureServing(certPath, keyPath string, names []string, now time.Time) error {
	good, err := a.servingIsGood(certPath, keyPath, names, now)
	if good || err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the serving key: %w", err)
	}
	template, err := newTemplate("ark-server", now, servingLife)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	certPEM, err := a.sign(template, key.Public())
	if err != nil {
		return err
	}
	return writePair(certPath, certPEM, keyPath, key)
}

// servingIsGood reports whether the pair can be served. Its error is about files that
// somebody else may have put there.
func (a authority) servingIsGood(certPath, keyPath string, names []string, now time.Time) (bool, error) {
	certPEM, err := privatefile.Read(certPath)
	if err != nil {
		return false, err
	}
	keyPEM, err := privatefile.Read(keyPath)
	if err != nil {
		return false, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return false, nil
	}
	leaf := pair.Leaf
	if now.Add(renewBefore).After(leaf.NotAfter) || leaf.CheckSignatureFrom(a.cert) != nil {
		return false, nil
	}
	for _, name := range names {
		if leaf.VerifyHostname(name) != nil {
			return false, nil
		}
	}
	return true, nil
}

// sign returns the certificate for a key as PEM.
func (a authority) sign(template *x509.Certificate, key crypto.PublicKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func newTemplate(name string, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-clockSkew),
		NotAfter:     now.Add(life),
	}, nil
}

func parseCertificate(certPEM []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(bytes.TrimSpace(certPEM))
	if block == nil {
		return nil, errors.New("the certificate is not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse a certificate: %w", err)
	}
	return cert, nil
}

// writePair writes the key first: without its certificate it is of no use, and
// a new pair is made at the next start.
func writePair(certPath string, certPEM []byte, keyPath string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key for %s: %w", keyPath, err)
	}
	if err := privatefile.Write(keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return err
	}
	return privatefile.Write(certPath, certPEM)
}
