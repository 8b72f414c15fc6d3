package standalone

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	api "k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // registers the core types' versions
	generatedopenapi "k8s.io/kubernetes/pkg/generated/openapi"
	configmapstorage "k8s.io/kubernetes/pkg/registry/core/configmap/storage"
	endpointstorage "k8s.io/kubernetes/pkg/registry/core/endpoint/storage"
	eventstorage "k8s.io/kubernetes/pkg/registry/core/event/storage"
	limitrangestorage "k8s.io/kubernetes/pkg/registry/core/limitrange/storage"
	namespacestorage "k8s.io/kubernetes/pkg/registry/core/namespace/storage"
	resourcequotastorage "k8s.io/kubernetes/pkg/registry/core/resourcequota/storage"
	secretstorage "k8s.io/kubernetes/pkg/registry/core/secret/storage"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/registry"
)

// coreLayout stores upstream's objects as kube-apiserver does: protobuf, in the preferred version,
// under /registry/<resource>, and where it has them elsewhere, there.
func coreLayout(base storagebackend.Config) storage.Layout {
	return serverstorage.NewDefaultStorageFactory(base, runtime.ContentTypeProtobuf, legacyscheme.Codecs,
		serverstorage.NewDefaultResourceEncodingConfig(legacyscheme.Scheme), serverstorage.NewResourceConfig(),
		map[schema.GroupResource]string{
			{Resource: "services"}:  "services/specs",
			{Resource: "endpoints"}: "services/endpoints",
		})
}

// encryptedLayout is a layout whose values are transformed.
type encryptedLayout struct {
	storage.Layout
	transformers value.ResourceTransformers
}

// NewConfig implements storage.Layout.
func (l encryptedLayout) NewConfig(resource schema.GroupResource, example runtime.Object) (*storagebackend.ConfigForResource, error) {
	config, err := l.Layout.NewConfig(resource, example)
	if err == nil {
		config.Transformer = l.transformers.TransformerForResource(resource)
	}
	return config, err
}

// coreOpenAPI describes upstream's types.
func coreOpenAPI() assembly.OpenAPISource {
	return assembly.OpenAPISource{Scheme: legacyscheme.Scheme, Definitions: generatedopenapi.GetOpenAPIDefinitions}
}

// eventTTL is how long an event stays, as by default in kube-apiserver.
const eventTTL = time.Hour

// core is the storage of the core group, /api/v1.
type core struct {
	resources           map[string]rest.Storage
	secrets, configMaps *registry.Reader
}

var _ rules.KeyedObjects = &core{}

// newCore makes the storage of what is served of the core group.
func newCore(options generic.RESTOptionsGetter, tokens accountTokens) (*core, error) {
	namespaces, namespaceStatus, finalize, err := namespacestorage.NewREST(options)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of namespaces: %w", err)
	}
	secrets, err := secretstorage.NewREST(options)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of secrets: %w", err)
	}
	configMaps, err := configmapstorage.NewREST(options)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of configmaps: %w", err)
	}
	events, err := eventstorage.NewREST(options, uint64(eventTTL.Seconds()))
	if err != nil {
		return nil, fmt.Errorf("set up the storage of events: %w", err)
	}
	endpoints, err := endpointstorage.NewREST(options)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of endpoints: %w", err)
	}
	quotas, quotaStatus, err := resourcequotastorage.NewREST(options)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of resourcequotas: %w", err)
	}
	limits, err := limitrangestorage.NewREST(options)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of limitranges: %w", err)
	}
	accounts, err := newServiceAccounts(options, tokens, secrets)
	if err != nil {
		return nil, err
	}
	services, err := newServices(options)
	if err != nil {
		return nil, err
	}
	resources := map[string]rest.Storage{
		"namespaces":            namespaces,
		"namespaces/status":     namespaceStatus,
		"namespaces/finalize":   finalize,
		"secrets":               secrets,
		"configmaps":            configMaps,
		"events":                events,
		"endpoints":             endpoints,
		"resourcequotas":        quotas,
		"resourcequotas/status": quotaStatus,
		"limitranges":           limits,
	}
	maps.Copy(resources, accounts)
	maps.Copy(resources, services)
	return &core{
		resources:  resources,
		secrets:    registry.NewReader(secrets.Store, true),
		configMaps: registry.NewReader(configMaps.Store, true),
	}, nil
}

func (c *core) group() apiGroup {
	return apiGroup{version: corev1.SchemeGroupVersion, resources: c.resources}
}

// Secret implements rules.KeyedObjects.
func (c *core) Secret(ctx context.Context, namespace, name, _ string) (map[string][]byte, error) {
	obj, err := c.secrets.Get(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	secret, ok := obj.(*api.Secret)
	if !ok {
		return nil, fmt.Errorf("the storage of secrets holds a %T", obj)
	}
	return secret.Data, nil
}

// ConfigMap implements rules.KeyedObjects.
func (c *core) ConfigMap(ctx context.Context, namespace, name, _ string) (map[string]string, error) {
	obj, err := c.configMaps.Get(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	configMap, ok := obj.(*api.ConfigMap)
	if !ok {
		return nil, fmt.Errorf("the storage of configmaps holds a %T", obj)
	}
	return configMap.Data, nil
}
