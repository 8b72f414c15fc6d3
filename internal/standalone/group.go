package standalone

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// apiGroup is one of upstream's API groups, in the one version in which it is served, with its
// resources by paths.
type apiGroup struct {
	version   schema.GroupVersion
	resources map[string]rest.Storage
}

// provider makes the storage of an upstream group, of the versions and resources that are enabled.
type provider interface {
	NewRESTStorage(enabled serverstorage.APIResourceConfigSource, options generic.RESTOptionsGetter) (genericapiserver.APIGroupInfo, error)
}

// newGroup makes all resources that a provider has in a version.
func newGroup(from provider, version schema.GroupVersion, options generic.RESTOptionsGetter) (apiGroup, error) {
	enabled := serverstorage.NewResourceConfig()
	enabled.EnableVersions(version)
	info, err := from.NewRESTStorage(enabled, options)
	if err != nil {
		return apiGroup{}, fmt.Errorf("set up the storage of %s: %w", version, err)
	}
	resources := info.VersionedResourcesStorageMap[version.Version]
	if len(resources) == 0 {
		return apiGroup{}, fmt.Errorf("set up the storage of %s: upstream has no resources in it", version)
	}
	return apiGroup{version: version, resources: resources}, nil
}

// install serves the group.
func (g apiGroup) install(server *genericapiserver.GenericAPIServer) error {
	info := genericapiserver.NewDefaultAPIGroupInfo(g.version.Group, legacyscheme.Scheme, legacyscheme.ParameterCodec, legacyscheme.Codecs)
	info.PrioritizedVersions = []schema.GroupVersion{g.version} // the scheme has others, too
	info.VersionedResourcesStorageMap = map[string]map[string]rest.Storage{g.version.Version: g.resources}
	install := server.InstallAPIGroup
	if g.version.Group == "" {
		install = func(info *genericapiserver.APIGroupInfo) error {
			return server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, info)
		}
	}
	if err := install(&info); err != nil {
		return fmt.Errorf("install %s: %w", g.version, err)
	}
	return nil
}
