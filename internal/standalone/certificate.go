package standalone

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"

	"k8s.io/client-go/util/keyutil"

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
		// The key is written first, so one alone is from a start cut short, or of a server that is
		// starting, too.
		if keyPEM, err = readOrMake(keyPath, keyutil.MakeEllipticPrivateKeyPEM); err != nil {
			return authority{}, fmt.Errorf("make the certificate authority's key: %w", err)
		}
		certPEM, err = readOrMake(certPath, func() ([]byte, error) { return newAuthority(keyPEM, now) })
		if err != nil {
			return authority{}, fmt.Errorf("make the certificate authority with the key in %s: %w", keyPath, err)
		}
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

// newAuthority returns the certificate of an authority with a key.
func newAuthority(keyPEM []byte, now time.Time) ([]byte, error) {
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, err
	}
	template, err := newTemplate("ark-server authority", now, authorityLife)
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	return authority{cert: template, key: key}.sign(template, key.Public())
}

func parseKey(keyPEM []byte) (crypto.Signer, error) {
	parsed, err := keyutil.ParsePrivateKeyPEM(keyPEM)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	return key, nil
}

// ensureServing makes a serving certificate unless the one at hand is good: from this authority,
// for these names, and not about to expire. The new one has the names of one that is good but for
// its names: it is another server's, that shares the folder. The key stays, so that whoever reads
// both files meanwhile has a pair.
func (a authority) ensureServing(certPath, keyPath string, names []string, now time.Time) error {
	keyPEM, err := readOrMake(keyPath, keyutil.MakeEllipticPrivateKeyPEM)
	if err != nil {
		return fmt.Errorf("make the serving key: %w", err)
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		if keyPEM, err = keyutil.MakeEllipticPrivateKeyPEM(); err != nil {
			return fmt.Errorf("make the serving key: %w", err)
		}
		if key, err = parseKey(keyPEM); err != nil {
			return fmt.Errorf("make the serving key: %w", err)
		}
		if err := privatefile.Write(keyPath, keyPEM); err != nil {
			return err
		}
	}
	there, err := a.readServing(certPath, keyPEM, now)
	if err != nil {
		return err
	}
	if there != nil {
		missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return there.VerifyHostname(name) == nil })
		if len(missing) == 0 {
			return nil
		}
	}
	template, err := newTemplate("ark-server", now, servingLife)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if there != nil {
		template.IPAddresses, template.DNSNames = there.IPAddresses, there.DNSNames
	}
	for _, name := range names {
		if there != nil && there.VerifyHostname(name) == nil {
			continue
		}
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
	return privatefile.Write(certPath, certPEM)
}

// readServing returns a certificate that can be served, for whatever names; nil for none. Its error
// is about a file that another user may have put there.
func (a authority) readServing(certPath string, keyPEM []byte, now time.Time) (*x509.Certificate, error) {
	certPEM, err := privatefile.Read(certPath)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil || now.Add(renewBefore).After(pair.Leaf.NotAfter) || pair.Leaf.CheckSignatureFrom(a.cert) != nil {
		return nil, nil
	}
	return pair.Leaf, nil
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
