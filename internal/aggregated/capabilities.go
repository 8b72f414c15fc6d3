package aggregated

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// plugin is an admission plugin with the resources of the cluster that it follows.
type plugin struct {
	name      string
	version   schema.GroupVersion
	resources []string
	// updates are subresources that it writes, such as resourcequotas/status.
	updates []string
}

// plugins returns what this server can run, in the order in which it does.
func plugins() []plugin {
	registration := admissionregistrationv1.SchemeGroupVersion
	return []plugin{
		{name: lifecycle.PluginName, version: corev1.SchemeGroupVersion, resources: []string{"namespaces"}},
		{name: mutatingpolicy.PluginName, version: registration, resources: []string{"mutatingadmissionpolicies", "mutatingadmissionpolicybindings"}},
		{name: mutatingwebhook.PluginName, version: registration, resources: []string{"mutatingwebhookconfigurations"}},
		{name: validatingpolicy.PluginName, version: registration, resources: []string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"}},
		{name: validatingwebhook.PluginName, version: registration, resources: []string{"validatingwebhookconfigurations"}},
		{name: resourcequota.PluginName, version: corev1.SchemeGroupVersion, resources: []string{"resourcequotas"}, updates: []string{"resourcequotas/status"}},
	}
}

// PluginNames returns the names of the admission plugins.
func PluginNames() []string {
	var names []string
	for _, p := range plugins() {
		names = append(names, p.name)
	}
	return names
}

// missingPlugins returns the plugins that cannot run because the cluster does not
// serve what they follow: their informers would never sync, and every write would
// be refused. MutatingAdmissionPolicy is such a one before Kubernetes 1.36.
func missingPlugins(client kubernetes.Interface, wanted []plugin) ([]string, error) {
	served := map[schema.GroupVersion][]string{}
	var missing []string
	for _, p := range wanted {
		if _, asked := served[p.version]; !asked {
			list, err := client.Discovery().ServerResourcesForGroupVersion(p.version.String())
			if err != nil && !apierrors.IsNotFound(err) {
				return nil, fmt.Errorf("ask the cluster what it serves in %s: %w", p.version, err)
			}
			names := []string{}
			if err == nil {
				for _, resource := range list.APIResources {
					names = append(names, resource.Name)
				}
			}
			served[p.version] = names
		}
		if slices.ContainsFunc(p.resources, func(r string) bool { return !slices.Contains(served[p.version], r) }) {
			missing = append(missing, p.name)
		}
	}
	return missing, nil
}

// checkPermissions returns a PermissionError for everything that the server's
// account needs and may not do.
func checkPermissions(ctx context.Context, client kubernetes.Interface, running []plugin) error {
	type need struct {
		plugin, verb string
		resource     schema.GroupResource
		// namespace and name are "" for all.
		namespace, name string
	}
	needs := []need{
		{verb: "create", resource: schema.GroupResource{Group: "authentication.k8s.io", Resource: "tokenreviews"}},
		{verb: "create", resource: schema.GroupResource{Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}},
		{verb: "watch", resource: schema.GroupResource{Resource: "configmaps"}, namespace: trustNamespace, name: trustConfigMap},
	}
	for _, p := range running {
		for _, resource := range p.resources {
			for _, verb := range []string{"list", "watch"} {
				needs = append(needs, need{plugin: p.name, verb: verb, resource: p.version.WithResource(resource).GroupResource()})
			}
		}
		for _, resource := range p.updates {
			needs = append(needs, need{plugin: p.name, verb: "update", resource: p.version.WithResource(resource).GroupResource()})
		}
	}
	var errs []error
	for _, n := range needs {
		resource, subresource, _ := strings.Cut(n.resource.Resource, "/")
		review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: n.verb, Group: n.resource.Group, Resource: resource, Subresource: subresource, Namespace: n.namespace, Name: n.name,
			}},
		}, metav1.CreateOptions{})
		if apierrors.IsForbidden(err) {
			klog.Warningf("The cluster does not tell what this server may do, so missing permissions will only show later: %v", err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("ask the cluster what this server may do: %w", err)
		}
		if !review.Status.Allowed {
			errs = append(errs, &PermissionError{User: whoAmI(ctx, client), Verb: n.verb, Resource: n.resource.String(), Namespace: n.namespace, Plugin: n.plugin})
		}
	}
	return errors.Join(errs...)
}

// whoAmI names the server's account in the cluster, as far as it can be told.
func whoAmI(ctx context.Context, client kubernetes.Interface) string {
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil || review.Status.UserInfo.Username == "" {
		return "this server's account in the cluster"
	}
	return review.Status.UserInfo.Username
}
