package standalone

import (
	"fmt"

	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	serviceaccountstorage "k8s.io/kubernetes/pkg/registry/core/serviceaccount/storage"
)

// newServiceAccounts makes the storage of serviceaccounts, by paths.
func newServiceAccounts(options generic.RESTOptionsGetter) (map[string]rest.Storage, error) {
	accounts, err := serviceaccountstorage.NewREST(options, nil, nil, nil, 0, nil, nil, nil, nil, nil, false, 0)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of serviceaccounts: %w", err)
	}
	return map[string]rest.Storage{"serviceaccounts": accounts}, nil
}
