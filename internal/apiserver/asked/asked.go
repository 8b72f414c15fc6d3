package asked

import (
	"k8s.io/apiserver/pkg/admission"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// WhileConfigured has the plugins of webhooks and policies handle nothing while nothing is
// configured for them. Plugins get their informers here as they would themselves: those of plugins
// that are off are not started.
func WhileConfigured(factory informers.SharedInformerFactory) admission.Decorator {
	return admission.DecoratorFunc(func(plugin admission.Interface, name string) admission.Interface {
		configured := factory.Admissionregistration().V1()
		var informer cache.SharedIndexInformer
		switch name {
		case mutatingwebhook.PluginName:
			informer = configured.MutatingWebhookConfigurations().Informer()
		case validatingwebhook.PluginName:
			informer = configured.ValidatingWebhookConfigurations().Informer()
		case mutatingpolicy.PluginName:
			informer = configured.MutatingAdmissionPolicies().Informer()
		case validatingpolicy.PluginName:
			informer = configured.ValidatingAdmissionPolicies().Informer()
		default:
			return plugin
		}
		return while(plugin, func() bool { return !informer.HasSynced() || len(informer.GetStore().ListKeys()) > 0 })
	})
}

// while has a plugin that only mutates or only validates handle nothing while it has nothing to do.
func while(plugin admission.Interface, busy func() bool) admission.Interface {
	mutates, isMutating := plugin.(admission.MutationInterface)
	validates, isValidating := plugin.(admission.ValidationInterface)
	switch {
	case isMutating && !isValidating:
		return mutating{mutates, busy}
	case isValidating && !isMutating:
		return validating{validates, busy}
	}
	return plugin
}

type mutating struct {
	admission.MutationInterface
	busy func() bool
}

// Handles implements admission.Interface.
func (m mutating) Handles(operation admission.Operation) bool {
	return m.busy() && m.MutationInterface.Handles(operation)
}

type validating struct {
	admission.ValidationInterface
	busy func() bool
}

// Handles implements admission.Interface.
func (v validating) Handles(operation admission.Operation) bool {
	return v.busy() && v.ValidationInterface.Handles(operation)
}
