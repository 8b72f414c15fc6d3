package standalone

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/client-go/kubernetes"
	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install" // registers the group's versions
	admissionregistrationrest "k8s.io/kubernetes/pkg/registry/admissionregistration/rest"
)

// newPolicies is the group admissionregistration.k8s.io: webhooks and admission policies with their
// bindings. Who makes a policy with parameters must be allowed to read those.
func newPolicies(authorizer authorizer.Authorizer, client kubernetes.Interface, options generic.RESTOptionsGetter) (apiGroup, error) {
	return newGroup(admissionregistrationrest.RESTStorageProvider{
		Authorizer:      authorizer,
		DiscoveryClient: client.Discovery(),
	}, admissionregistrationv1.SchemeGroupVersion, options)
}
