package standalone

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/kubernetes"
	serviceaccountstorage "k8s.io/kubernetes/pkg/registry/core/serviceaccount/storage"
)

// accountTokens is what the token subresource of serviceaccounts needs.
type accountTokens struct {
	tokens     *serviceAccountTokens
	authorizer authorizer.Authorizer
	client     kubernetes.Interface
}

// newServiceAccounts makes the storage of serviceaccounts and their tokens, by paths. A token may
// be bound to a secret or a webhook configuration; pods and nodes there are none.
func newServiceAccounts(options generic.RESTOptionsGetter, of accountTokens, secrets rest.Getter) (map[string]rest.Storage, error) {
	webhooks := of.client.AdmissionregistrationV1()
	accounts, err := serviceaccountstorage.NewREST(options, of.tokens.Generator, of.tokens.Audiences, of.authorizer, 0,
		noObjects(corev1.Resource("pods")), secrets, noObjects(corev1.Resource("nodes")),
		webhooks.ValidatingWebhookConfigurations(), webhooks.MutatingWebhookConfigurations(), false, 0)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of serviceaccounts: %w", err)
	}
	return map[string]rest.Storage{"serviceaccounts": accounts, "serviceaccounts/token": accounts.Token}, nil
}
