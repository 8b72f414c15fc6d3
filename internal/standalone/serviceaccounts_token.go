package standalone

import (
	"fmt"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

// serviceAccountIssuer is the issuer and the audience of service accounts' tokens. It is the same
// for all servers: a token is bound to one of them by its key.
const serviceAccountIssuer = "https://kubernetes.default.svc"

// serviceAccountTokens signs and verifies the tokens of service accounts with the key that Keys
// keeps. It is immutable.
type serviceAccountTokens struct {
	// Issuer is the claim iss, Audiences the claim aud where a request for a token names none.
	Issuer    string
	Audiences authenticator.Audiences
	// Generator signs.
	Generator serviceaccount.TokenGenerator
	// Keys are those that verify: of the key that signs and of earlier ones.
	Keys serviceaccount.PublicKeysGetter
}

func newServiceAccountTokens(keys *Keys) (*serviceAccountTokens, error) {
	private, err := keyutil.ParsePrivateKeyPEM(keys.serviceAccounts)
	if err != nil {
		return nil, fmt.Errorf("read the service accounts' key in %s: %w", keys.path(serviceAccountKeyName), err)
	}
	public, err := keyutil.ParsePublicKeysPEM(keys.serviceAccounts)
	if err != nil {
		return nil, fmt.Errorf("read the service accounts' keys in %s: %w", keys.path(serviceAccountKeyName), err)
	}
	t := &serviceAccountTokens{Issuer: serviceAccountIssuer, Audiences: authenticator.Audiences{serviceAccountIssuer}}
	if t.Generator, err = serviceaccount.JWTTokenGenerator(t.Issuer, private); err != nil {
		return nil, fmt.Errorf("sign with the service accounts' key in %s: %w", keys.path(serviceAccountKeyName), err)
	}
	if t.Keys, err = serviceaccount.StaticPublicKeysGetter(public); err != nil {
		return nil, fmt.Errorf("verify with the service accounts' keys in %s: %w", keys.path(serviceAccountKeyName), err)
	}
	return t, nil
}

// openServiceAccountKey reads the PEM file of the key that signs the tokens of service accounts,
// and makes it where there is none. Further keys after the first one only verify.
func openServiceAccountKey(path string) ([]byte, error) {
	content, err := readOrMake(path, keyutil.MakeEllipticPrivateKeyPEM)
	if err != nil {
		return nil, fmt.Errorf("read or make the service accounts' key: %w", err)
	}
	return content, nil
}
