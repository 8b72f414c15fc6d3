package standalone

import (
	"fmt"

	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	kubeadmission "k8s.io/kubernetes/pkg/kubeapiserver/admission"

	"github.com/mckinsey/ark-server/internal/apiserver/asked"
	"github.com/mckinsey/ark-server/internal/apiserver/quota"
)

// Admission are the settings of the admission plugins.
type Admission struct {
	// ConfigFile is an AdmissionConfiguration, as kube-apiserver takes it; "" for none. It is where
	// policies and webhooks come from files (staticManifestsDir), and credentials for webhooks.
	ConfigFile string
	// Disabled are the names of plugins to leave out.
	Disabled []string
}

// PluginNames are the admission plugins in their order.
func PluginNames() []string {
	return append(genericoptions.NewAdmissionOptions().RecommendedPluginOrder, resourcequota.PluginName)
}

// applyAdmission sets up what admits writes, in kube-apiserver's order: namespaces must exist (404)
// and not be on their way out (403), then what the policies and webhooks say that this server
// stores, and quotas last, so that what another plugin refuses uses nothing. The plugins read by
// informers on the server itself.
func applyAdmission(o Admission, config *genericapiserver.Config, client kubernetes.Interface, informers informers.SharedInformerFactory) error {
	params, err := dynamic.NewForConfig(config.LoopbackClientConfig)
	if err != nil {
		return fmt.Errorf("make the client for the policies' parameters: %w", err)
	}
	stock := genericoptions.NewAdmissionOptions()
	if err := quota.Register(stock.Plugins, config.LoopbackClientConfig); err != nil {
		return err
	}
	stock.RecommendedPluginOrder = PluginNames()
	stock.ConfigFile, stock.DisablePlugins = o.ConfigFile, o.Disabled
	decorators := admission.Decorators{admission.DecoratorFunc(notForUpdates)}
	if o.ConfigFile == "" {
		decorators = append(decorators, asked.WhileConfigured(informers))
	}
	stock.Decorators = append(decorators, stock.Decorators...)
	err = stock.ApplyTo(config, informers, client, params, config.FeatureGate, config.EffectiveVersion,
		kubeadmission.NewPluginInitializer(), quota.Configuration{Evaluators: quotaEvaluators(nil)})
	if err != nil {
		return fmt.Errorf("set up admission: %w", err)
	}
	return nil
}

// notForUpdates takes updates past the plugin of namespaces, which allows them all.
func notForUpdates(plugin admission.Interface, _ string) admission.Interface {
	if namespaces, ok := plugin.(*lifecycle.Lifecycle); ok {
		return creationsAndDeletions{namespaces}
	}
	return plugin
}

type creationsAndDeletions struct{ *lifecycle.Lifecycle }

// Handles implements admission.Interface.
func (p creationsAndDeletions) Handles(operation admission.Operation) bool {
	return operation != admission.Update && p.Lifecycle.Handles(operation)
}
