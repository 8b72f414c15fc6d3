package standalone

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install" // registers the group's versions
	_ "k8s.io/kubernetes/pkg/apis/events/install"       // registers the group's versions
	coordinationrest "k8s.io/kubernetes/pkg/registry/coordination/rest"
)

// newGroups makes all of upstream's groups. The configuration must have its authenticator and its
// authorizer.
func newGroups(config *genericapiserver.Config, core *core, rights rights, client kubernetes.Interface, options generic.RESTOptionsGetter) ([]apiGroup, error) {
	fairness, err := fairnessStorage(options)
	if err != nil {
		return nil, err
	}
	roles, err := newRoles(config.Authorization.Authorizer, options)
	if err != nil {
		return nil, err
	}
	leases, err := newGroup(coordinationrest.RESTStorageProvider{}, coordinationv1.SchemeGroupVersion, options)
	if err != nil {
		return nil, err
	}
	policies, err := newPolicies(config.Authorization.Authorizer, client, options)
	if err != nil {
		return nil, err
	}
	reviews, err := newReviews(config, rights.roles, options)
	if err != nil {
		return nil, err
	}
	return append(reviews,
		core.group(),
		apiGroup{version: flowcontrolv1.SchemeGroupVersion, resources: fairness},
		roles,
		leases,
		policies,
		// The same events in their newer form.
		apiGroup{version: eventsv1.SchemeGroupVersion, resources: map[string]rest.Storage{"events": core.resources["events"]}},
	), nil
}
