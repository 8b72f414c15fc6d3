package assembly

import (
	"fmt"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericapi "k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/encoding"
	"github.com/mckinsey/ark-server/internal/apiserver/filters"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
)

// installArk serves the Ark group as GenericAPIServer.InstallAPIGroup would, but
// for the type converter, which cannot be given to that.
func (c CompletedConfig) installArk(server *genericapiserver.GenericAPIServer, storage map[string]map[string]rest.Storage) error {
	if !c.off.Has(hooks.Routes) {
		server.Handler.GoRestfulContainer.Router(newRememberedRoutes())
	}
	if c.off.Has(hooks.Install) {
		return c.installStock(server, storage)
	}
	converter, err := encoding.NewTypeConverter(c.Generic.OpenAPIV3Config, install.Kinds())
	if err != nil {
		return err
	}
	common := c.inEveryVersion(server, storage)
	common.TypeConverter = converter
	versions := c.scheme.PrioritizedVersionsForGroup(ark.GroupName)
	for _, version := range versions {
		group := common
		group.GroupVersion, group.Storage = version, storage[version.Version]
		resources, _, err := group.InstallREST(server.Handler.GoRestfulContainer)
		if err != nil {
			return fmt.Errorf("install %s: %w", version, err)
		}
		server.AggregatedDiscoveryGroupManager.AddGroupVersion(ark.GroupName, apidiscoveryv2.APIVersionDiscovery{
			Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent,
			Version:   version.Version,
			Resources: resources,
		})
		for resource, s := range storage[version.Version] {
			server.RegisterDestroyFunc(s.Destroy)
			if s, ok := s.(rest.StorageWithReadiness); ok {
				server.StorageReadinessHook.RegisterStorage(metav1.GroupVersionResource(version.WithResource(resource)), s)
			}
		}
	}
	served := metav1.APIGroup{Name: ark.GroupName}
	for _, version := range versions {
		served.Versions = append(served.Versions, metav1.GroupVersionForDiscovery{GroupVersion: version.String(), Version: version.Version})
	}
	served.PreferredVersion = served.Versions[0]
	server.DiscoveryGroupManager.AddGroup(served)
	server.Handler.GoRestfulContainer.Add(discovery.NewAPIGroupHandler(server.Serializer, served).WebService())
	return nil
}

// installStock serves the group as any stock server serves its own. Only the check of unknown
// fields before admission is left to the registry, which makes it anyway.
func (c CompletedConfig) installStock(server *genericapiserver.GenericAPIServer, storage map[string]map[string]rest.Storage) error {
	group := genericapiserver.NewDefaultAPIGroupInfo(ark.GroupName, c.scheme, runtime.NewParameterCodec(c.scheme), c.codecs)
	group.NegotiatedSerializer = c.json.Negotiated(group.NegotiatedSerializer)
	group.VersionedResourcesStorageMap = storage
	if err := server.InstallAPIGroup(&group); err != nil {
		return fmt.Errorf("install %s: %w", ark.GroupName, err)
	}
	return nil
}

// inEveryVersion is what the versions of the group have in common.
func (c CompletedConfig) inEveryVersion(server *genericapiserver.GenericAPIServer, storage map[string]map[string]rest.Storage) genericapi.APIGroupVersion {
	serving := map[string][]string{}
	for v, resources := range storage {
		for resource := range resources {
			serving[resource] = append(serving[resource], ark.GroupName+"/"+v)
		}
	}
	stock := genericapiserver.NewDefaultAPIGroupInfo(ark.GroupName, c.scheme, runtime.NewParameterCodec(c.scheme), c.codecs)
	return genericapi.APIGroupVersion{
		Root:                        genericapiserver.APIGroupPrefix,
		AllServedVersionsByResource: serving,
		OptionsExternalVersion:      stock.OptionsExternalVersion,
		MetaGroupVersion:            stock.MetaGroupVersion,
		Serializer:                  c.json.Negotiated(stock.NegotiatedSerializer),
		ParameterCodec:              stock.ParameterCodec,
		Typer:                       c.scheme,
		Creater:                     c.scheme,
		Convertor:                   c.scheme,
		ConvertabilityChecker:       c.scheme,
		Defaulter:                   c.scheme,
		Namer:                       runtime.Namer(meta.NewAccessor()),
		UnsafeConvertor:             runtime.UnsafeObjectConvertor(c.scheme),
		EquivalentResourceRegistry:  server.EquivalentResourceRegistry,
		Authorizer:                  server.Authorizer,
		Admit:                       filters.WithUnknownFields(c.Generic.AdmissionControl),
		MinRequestTimeout:           time.Duration(c.Generic.MinRequestTimeout) * time.Second,
		MaxRequestBodyBytes:         c.Generic.MaxRequestBodyBytes,
	}
}
