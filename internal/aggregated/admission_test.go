package aggregated

import (
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/admission"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	basecompatibility "k8s.io/component-base/compatibility"
)

// admissionOf sets up admission in a cluster that serves everything and refuses the server one
// right, such as "update resourcequotas/status".
func admissionOf(t *testing.T, refused string, disabled ...string) (admission.Interface, error) {
	t.Helper()
	client := fake.NewClientset()
	for _, p := range plugins() {
		list := &metav1.APIResourceList{GroupVersion: p.version.String()}
		for _, resource := range p.resources {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: resource})
		}
		merged := false
		for _, known := range client.Resources {
			if known.GroupVersion == list.GroupVersion {
				known.APIResources, merged = append(known.APIResources, list.APIResources...), true
			}
		}
		if !merged {
			client.Resources = append(client.Resources, list)
		}
	}
	client.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		asked := review.Spec.ResourceAttributes
		right := asked.Verb + " " + asked.Resource
		if asked.Subresource != "" {
			right += "/" + asked.Subresource
		}
		review.Status.Allowed = right != refused
		return true, review, nil
	})
	config := genericapiserver.NewConfig(serializer.NewCodecFactory(runtime.NewScheme()))
	config.FeatureGate, config.EffectiveVersion = utilfeature.DefaultFeatureGate, basecompatibility.NewEffectiveVersionFromString("1.37", "", "")
	config.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	o := NewOptions()
	o.Cluster = &rest.Config{Host: "https://127.0.0.1:1"}
	// The fake client has no OpenAPI, which this plugin asks for at once; e2e/cluster runs it.
	o.DisabledAdmission = append(disabled, mutatingpolicy.PluginName)
	err := applyAdmission(t.Context(), o, config, informers.NewSharedInformerFactory(client, 0), client)
	return config.AdmissionControl, err
}

// The plugins are wired up; a right that one of them lacks is an error that names it and the
// plugin.
func TestAdmissionIsComplete(t *testing.T) {
	chain, err := admissionOf(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if !chain.Handles(admission.Create) {
		t.Error("creations are not admitted")
	}
	for _, right := range []string{"list resourcequotas", "watch resourcequotas", "update resourcequotas/status", "list namespaces"} {
		_, err := admissionOf(t, right)
		if err == nil || !strings.Contains(err.Error(), "may not "+right) {
			t.Errorf("without %s: %v", right, err)
		}
	}
	if _, err := admissionOf(t, "update resourcequotas/status", "ResourceQuota"); err != nil {
		t.Errorf("without the plugin its right is not needed: %v", err)
	}
}
