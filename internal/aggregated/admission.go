package aggregated

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apiserver/asked"
	"github.com/mckinsey/ark-server/internal/apiserver/quota"
)

// applyAdmission sets up the plugins that are not disabled and that the cluster can
// feed. The authorizer must be set: policies may ask it.
func applyAdmission(ctx context.Context, o Options, config *genericapiserver.Config, informers informers.SharedInformerFactory, client kubernetes.Interface) error {
	running := slices.DeleteFunc(plugins(), func(p plugin) bool { return slices.Contains(o.DisabledAdmission, p.name) })
	missing, err := missingPlugins(client, running)
	if err != nil {
		return err
	}
	for _, name := range missing {
		klog.Warningf("The cluster does not serve what the admission plugin %s needs, so it is off; restart the server after an upgrade of the cluster", name)
	}
	running = slices.DeleteFunc(running, func(p plugin) bool { return slices.Contains(missing, p.name) })
	if err := checkPermissions(ctx, client, running); err != nil {
		return err
	}

	params, err := dynamic.NewForConfig(o.Cluster)
	if err != nil {
		return fmt.Errorf("make the client for the policies' parameters: %w", err)
	}
	stock := genericoptions.NewAdmissionOptions()
	if err := quota.Register(stock.Plugins, o.Cluster); err != nil {
		return err
	}
	// Last, so that what another plugin refuses uses nothing.
	stock.RecommendedPluginOrder = append(stock.RecommendedPluginOrder, resourcequota.PluginName)
	stock.ConfigFile = o.AdmissionConfigFile
	stock.DisablePlugins = slices.Concat(o.DisabledAdmission, missing)
	if o.AdmissionConfigFile == "" {
		stock.Decorators = append(admission.Decorators{asked.WhileConfigured(informers)}, stock.Decorators...)
	}
	if err := stock.ApplyTo(config, informers, client, params, config.FeatureGate, config.EffectiveVersion, quota.Configuration{}); err != nil {
		return fmt.Errorf("set up admission: %w", err)
	}
	return nil
}
