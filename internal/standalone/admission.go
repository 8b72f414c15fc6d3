package standalone

import (
	"fmt"
	"io"
	"strings"

	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	admissionmetrics "k8s.io/apiserver/pkg/admission/metrics"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// applyAdmission refuses objects in namespaces that do not exist (404) or are
// being deleted (403), and the deletion of the namespaces that always exist.
func applyAdmission(config *genericapiserver.Config, client kubernetes.Interface, informers informers.SharedInformerFactory) error {
	plugins := admission.NewPlugins()
	lifecycle.Register(plugins)
	wiring := initializer.New(client, nil, informers, config.Authorization.Authorizer, config.FeatureGate,
		config.EffectiveVersion, config.DrainedNotify(), nil)
	chain, err := plugins.NewFromPlugins([]string{lifecycle.PluginName}, noPluginConfig{}, wiring,
		admission.Decorators{admission.DecoratorFunc(notForUpdates), admission.DecoratorFunc(admissionmetrics.WithControllerMetrics)})
	if err != nil {
		return fmt.Errorf("set up admission: %w", err)
	}
	config.AdmissionControl = admissionmetrics.WithStepMetrics(chain)
	return nil
}

// noPluginConfig is for plugins that need none.
type noPluginConfig struct{}

func (noPluginConfig) ConfigFor(string) (io.Reader, error) { return strings.NewReader(""), nil }

// notForUpdates takes updates past the plugin, which allows them all. After any
// plugin that might change an object its managed fields are parsed once more, to see
// whether they are still valid: that would be 2 % of an update.
func notForUpdates(plugin admission.Interface, _ string) admission.Interface {
	return creationsAndDeletions{plugin.(*lifecycle.Lifecycle)}
}

type creationsAndDeletions struct{ *lifecycle.Lifecycle }

// Handles implements admission.Interface.
func (p creationsAndDeletions) Handles(operation admission.Operation) bool {
	return operation != admission.Update && p.Lifecycle.Handles(operation)
}
