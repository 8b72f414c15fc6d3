package apiserver

import (
	"fmt"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	genericapi "k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/builder3"
	openapicommon "k8s.io/kube-openapi/pkg/common"
	openapiutil "k8s.io/kube-openapi/pkg/util"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/registry"
)

// installArk serves the Ark group as GenericAPIServer.InstallAPIGroup would, but
// for the type converter, which cannot be given to that.
func (c CompletedConfig) installArk(server *genericapiserver.GenericAPIServer, storage map[string]map[string]rest.Storage) error {
	stock, err := stockTypeConverter(c.Generic.OpenAPIV3Config, c.kinds)
	if err != nil {
		return err
	}
	converter, err := newTypeConverter(stock, c.kinds)
	if err != nil {
		return err
	}
	server.Handler.GoRestfulContainer.Router(newRememberedRoutes())
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
		Serializer:                  c.json.negotiated(stock.NegotiatedSerializer),
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
		Admit:                       withUnknownFields(c.Generic.AdmissionControl),
		MinRequestTimeout:           time.Duration(c.Generic.MinRequestTimeout) * time.Second,
		MaxRequestBodyBytes:         c.Generic.MaxRequestBodyBytes,
	}
}

// stockTypeConverter makes the converter that the generic server would, from the
// schemas that it publishes.
func stockTypeConverter(published *openapicommon.OpenAPIV3Config, kinds []registry.Kind) (managedfields.TypeConverter, error) {
	names := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		names = append(names, openapiutil.GetCanonicalTypeName(kind.New()))
	}
	models, err := builder3.BuildOpenAPIDefinitionsForResources(published, names...)
	if err != nil {
		return nil, fmt.Errorf("build the schemas of the kinds: %w", err)
	}
	converter, err := managedfields.NewTypeConverter(models, false)
	if err != nil {
		return nil, fmt.Errorf("read the schemas of the kinds: %w", err)
	}
	return converter, nil
}
