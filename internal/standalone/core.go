package standalone

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // registers the core types' versions
	generatedopenapi "k8s.io/kubernetes/pkg/generated/openapi"
	namespacestorage "k8s.io/kubernetes/pkg/registry/core/namespace/storage"

	"github.com/mckinsey/ark-server/internal/apiserver"
)

// coreLayout stores core objects as kube-apiserver does: protobuf, in v1, under
// /registry/<resource>.
func coreLayout(base storagebackend.Config) apiserver.Layout {
	return serverstorage.NewDefaultStorageFactory(base, runtime.ContentTypeProtobuf, legacyscheme.Codecs,
		serverstorage.NewDefaultResourceEncodingConfig(legacyscheme.Scheme), serverstorage.NewResourceConfig(), nil)
}

// coreOpenAPI describes the core types.
func coreOpenAPI() apiserver.OpenAPISource {
	return apiserver.OpenAPISource{Scheme: legacyscheme.Scheme, Definitions: generatedopenapi.GetOpenAPIDefinitions}
}

// installCore serves the core group, /api/v1: namespaces for now.
func installCore(server *genericapiserver.GenericAPIServer, options generic.RESTOptionsGetter) error {
	namespaces, status, finalize, err := namespacestorage.NewREST(options)
	if err != nil {
		return fmt.Errorf("set up the storage of namespaces: %w", err)
	}
	group := genericapiserver.NewDefaultAPIGroupInfo(corev1.GroupName, legacyscheme.Scheme, legacyscheme.ParameterCodec, legacyscheme.Codecs)
	group.VersionedResourcesStorageMap = map[string]map[string]rest.Storage{
		corev1.SchemeGroupVersion.Version: {
			"namespaces":          namespaces,
			"namespaces/status":   status,
			"namespaces/finalize": finalize,
		},
	}
	if err := server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, &group); err != nil {
		return fmt.Errorf("install the core API group: %w", err)
	}
	return nil
}
