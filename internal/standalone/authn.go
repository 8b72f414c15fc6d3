package standalone

import (
	"crypto/x509"
	"fmt"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/union"
	requestx509 "k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// applyAuthentication says who a request comes from: the holder of the admin
// token, the subject of a client certificate that the authority has signed (CN
// is the user, O the groups), or nobody. A token that is wrong is 401 rather
// than nobody.
func applyAuthentication(config *genericapiserver.Config, keys *Keys) error {
	ca, err := dynamiccertificates.NewStaticCAContent("client-ca", keys.CA())
	if err != nil {
		return fmt.Errorf("trust client certificates: %w", err)
	}
	if err := config.Authentication.ApplyClientCert(ca, config.SecureServing); err != nil {
		return fmt.Errorf("ask for client certificates: %w", err)
	}
	config.Authentication.Authenticator = newAuthenticator(keys.Token(), ca.VerifyOptions)
	return nil
}

func newAuthenticator(adminToken string, verify func() (x509.VerifyOptions, bool)) authenticator.Request {
	tokens := map[string]*user.DefaultInfo{
		adminToken: {Name: AdminUser, Groups: []string{user.SystemPrivilegedGroup}},
	}
	known := group.NewAuthenticatedGroupAdder(union.New(
		requestx509.NewDynamic(verify, requestx509.CommonNameUserConversion),
		authenticatorfactory.NewFromTokens(tokens, nil),
	))
	return union.NewFailOnError(known, anonymous.NewAuthenticator(nil))
}
