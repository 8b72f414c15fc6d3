package asked

import (
	"context"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

// TestPluginsAreAskedWhileConfigured: every plugin is asked before its informer has synced and
// while there is something for it, at once; otherwise it is not. The others are left as they are.
func TestPluginsAreAskedWhileConfigured(t *testing.T) {
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	decorator := WhileConfigured(factory)
	api, name := client.AdmissionregistrationV1(), metav1.ObjectMeta{Name: "a"}
	ctx, options := t.Context(), metav1.CreateOptions{}
	cases := map[string]struct {
		plugin         admission.Interface
		create, remove func() error
	}{
		mutatingwebhook.PluginName: {mutatingPlugin{handler()}, func() error {
			_, err := api.MutatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: name}, options)
			return err
		}, func() error { return api.MutatingWebhookConfigurations().Delete(ctx, "a", metav1.DeleteOptions{}) }},
		validatingwebhook.PluginName: {validatingPlugin{handler()}, func() error {
			_, err := api.ValidatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: name}, options)
			return err
		}, func() error { return api.ValidatingWebhookConfigurations().Delete(ctx, "a", metav1.DeleteOptions{}) }},
		mutatingpolicy.PluginName: {mutatingPlugin{handler()}, func() error {
			_, err := api.MutatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicy{ObjectMeta: name}, options)
			return err
		}, func() error { return api.MutatingAdmissionPolicies().Delete(ctx, "a", metav1.DeleteOptions{}) }},
		validatingpolicy.PluginName: {validatingPlugin{handler()}, func() error {
			_, err := api.ValidatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: name}, options)
			return err
		}, func() error { return api.ValidatingAdmissionPolicies().Delete(ctx, "a", metav1.DeleteOptions{}) }},
	}
	decorated := map[string]admission.Interface{}
	for plugin, c := range cases {
		decorated[plugin] = decorator.Decorate(c.plugin, plugin)
		if !decorated[plugin].Handles(admission.Create) {
			t.Errorf("%s is not asked before its informer has synced", plugin)
		}
		if decorated[plugin].Handles(admission.Connect) {
			t.Errorf("%s is asked about what it does not handle", plugin)
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for plugin, c := range cases {
		if decorated[plugin].Handles(admission.Create) {
			t.Errorf("%s is asked though there is nothing for it", plugin)
		}
		if err := c.create(); err != nil {
			t.Fatal(err)
		}
		eventually(t, plugin+" is not asked once there is something for it", func() bool { return decorated[plugin].Handles(admission.Create) })
		if err := c.remove(); err != nil {
			t.Fatal(err)
		}
		eventually(t, plugin+" is asked for what is gone", func() bool { return !decorated[plugin].Handles(admission.Create) })
	}
	if other := (mutatingPlugin{handler()}); decorator.Decorate(other, "Other") != admission.Interface(other) {
		t.Error("a plugin of another kind is not left as it is")
	}
}

func handler() *admission.Handler { return admission.NewHandler(admission.Create) }

type mutatingPlugin struct{ *admission.Handler }

func (mutatingPlugin) Admit(context.Context, admission.Attributes, admission.ObjectInterfaces) error {
	return nil
}

type validatingPlugin struct{ *admission.Handler }

func (validatingPlugin) Validate(context.Context, admission.Attributes, admission.ObjectInterfaces) error {
	return nil
}

func eventually(t *testing.T, otherwise string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
	}
}
