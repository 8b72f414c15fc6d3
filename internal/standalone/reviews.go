package standalone

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/generic"
	genericapiserver "k8s.io/apiserver/pkg/server"
	_ "k8s.io/kubernetes/pkg/apis/authentication/install" // registers the group's versions
	_ "k8s.io/kubernetes/pkg/apis/authorization/install"  // registers the group's versions
	authenticationrest "k8s.io/kubernetes/pkg/registry/authentication/rest"
	authorizationrest "k8s.io/kubernetes/pkg/registry/authorization/rest"
)

// newReviews are the groups that answer who somebody is and what somebody may do:
// authentication.k8s.io and authorization.k8s.io. They store nothing. The configuration's
// authenticator must not be completed yet: what the completed one adds is about the connection of
// the request that asks.
func newReviews(config *genericapiserver.Config, rules authorizer.RuleResolver, options generic.RESTOptionsGetter) ([]apiGroup, error) {
	identities, err := newGroup(authenticationrest.RESTStorageProvider{
		Authenticator: config.Authentication.Authenticator,
		APIAudiences:  config.Authentication.APIAudiences,
	}, authenticationv1.SchemeGroupVersion, options)
	if err != nil {
		return nil, err
	}
	accesses, err := newGroup(authorizationrest.RESTStorageProvider{
		Authorizer:   config.Authorization.Authorizer,
		RuleResolver: rules,
	}, authorizationv1.SchemeGroupVersion, options)
	return []apiGroup{identities, accesses}, err
}
