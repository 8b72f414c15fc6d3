package standalone

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	api "k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // registers the core types' versions
	generatedopenapi "k8s.io/kubernetes/pkg/generated/openapi"
	configmapstorage "k8s.io/kubernetes/pkg/registry/core/configmap/storage"
	namespacestorage "k8s.io/kubernetes/pkg/registry/core/namespace/storage"
	secretstorage "k8s.io/kubernetes/pkg/registry/core/secret/storage"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/registry"
)

// coreLayout stores core objects as kube-apiserver does: protobuf, in v1, under
// /registry/<resource>.
func coreLayout(base storagebackend.Config) storage.Layout {
	return serverstorage.NewDefaultStorageFactory(base, runtime.ContentTypeProtobuf, legacyscheme.Codecs,
		serverstorage.NewDefaultResourceEncodingConfig(legacyscheme.Scheme), serverstorage.NewResourceConfig(), nil)
}

// coreOpenAPI describes the core types.
func coreOpenAPI() assembly.OpenAPISource {
	return assembly.OpenAPISource{Scheme: legacyscheme.Scheme, Definitions: generatedopenapi.GetOpenAPIDefinitions}
}

// core is the storage of the core group, /api/v1.
type core struct {
	resources           map[string]rest.Storage
	secrets, configMaps *registry.Reader
}

var _ rules.KeyedObjects = &core{}

// newCore makes the storage of namespaces, secrets and configmaps.
func newCore(options generic.RESTOptionsGetter) (*core, error) {
	namespaces, status, finalize, err := namespacestorage.NewREST(options)
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
	return &core{
		resources: map[string]rest.Storage{
			"namespaces":          namespaces,
			"namespaces/status":   status,
			"namespaces/finalize": finalize,
			"secrets":             secrets,
			"configmaps":          configMaps,
		},
		secrets:    registry.NewReader(secrets.Store, true),
		configMaps: registry.NewReader(configMaps.Store, true),
	}, nil
}

// install serves the core group.
func (c *core) install(server *genericapiserver.GenericAPIServer) error {
	group := genericapiserver.NewDefaultAPIGroupInfo(corev1.GroupName, legacyscheme.Scheme, legacyscheme.ParameterCodec, legacyscheme.Codecs)
	group.VersionedResourcesStorageMap = map[string]map[string]rest.Storage{corev1.SchemeGroupVersion.Version: c.resources}
	if err := server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, &group); err != nil {
		return fmt.Errorf("install the core API group: %w", err)
	}
	return nil
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
