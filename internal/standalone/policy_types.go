package standalone

import (
	"fmt"

	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/discovery/cached/memory"
	admissioninformers "k8s.io/client-go/informers/admissionregistration/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/kubernetes/pkg/controller/validatingadmissionpolicystatus"
)

// policyTypeWorkers is as many as kube-controller-manager has.
const policyTypeWorkers = 5

// newPolicyTypes returns the controller that checks the types of the expressions of
// ValidatingAdmissionPolicies against the schemas of the objects that they match, and writes what
// it finds in status.typeChecking.
//
// It reads schemas from the OpenAPI document of a group when a policy for the group is written.
// Upstream's takes native types from their generated definitions, which would stay in memory. The
// same definitions are in the documents.
func newPolicyTypes(client kubernetes.Interface, policies admissioninformers.ValidatingAdmissionPolicyInformer) (*validatingadmissionpolicystatus.Controller, error) {
	controller, err := validatingadmissionpolicystatus.NewController(policies, client.AdmissionregistrationV1().ValidatingAdmissionPolicies(),
		&validatingpolicy.TypeChecker{
			SchemaResolver: &resolver.ClientDiscoveryResolver{Discovery: client.Discovery()},
			RestMapper:     restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery())),
		})
	if err != nil {
		return nil, fmt.Errorf("make the controller of admission policies' types: %w", err)
	}
	return controller, nil
}
