package apiserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	genericapi "k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/builder3"
	openapiutil "k8s.io/kube-openapi/pkg/util"

	"github.com/mckinsey/ark-server/internal/apis/ark"
)

// installArk serves the Ark group as GenericAPIServer.InstallAPIGroup would, but
// for the type converter, which cannot be given to that.
func (c CompletedConfig) installArk(server *genericapiserver.GenericAPIServer, storage map[string]map[string]rest.Storage) error {
	converter, err := c.typeConverter(storage)
	if err != nil {
		return err
	}
	versions := c.scheme.PrioritizedVersionsForGroup(ark.GroupName)
	for _, version := range versions {
		group := c.groupVersion(server, version, storage)
		group.TypeConverter = converter
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

func (c CompletedConfig) groupVersion(server *genericapiserver.GenericAPIServer, version schema.GroupVersion, storage map[string]map[string]rest.Storage) *genericapi.APIGroupVersion {
	serving := map[string][]string{}
	for v, resources := range storage {
		for resource := range resources {
			serving[resource] = append(serving[resource], ark.GroupName+"/"+v)
		}
	}
	stock := genericapiserver.NewDefaultAPIGroupInfo(ark.GroupName, c.scheme, runtime.NewParameterCodec(c.scheme), c.codecs)
	return &genericapi.APIGroupVersion{
		Storage:                     storage[version.Version],
		Root:                        genericapiserver.APIGroupPrefix,
		GroupVersion:                version,
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
		Admit:                       c.Generic.AdmissionControl,
		MinRequestTimeout:           time.Duration(c.Generic.MinRequestTimeout) * time.Second,
		MaxRequestBodyBytes:         c.Generic.MaxRequestBodyBytes,
	}
}

// typeConverter makes the converter for the kinds that the storages serve.
func (c CompletedConfig) typeConverter(storage map[string]map[string]rest.Storage) (managedfields.TypeConverter, error) {
	kinds := map[schema.GroupVersionKind]string{} // to the names of their schemas
	for version, resources := range storage {
		for path, s := range resources {
			if strings.Contains(path, "/") {
				continue
			}
			kind, err := genericapi.GetResourceKind(arkVersion(version), s, c.scheme)
			if err != nil {
				return nil, fmt.Errorf("find the kind of %s: %w", path, err)
			}
			object, err := c.scheme.New(kind)
			if err != nil {
				return nil, fmt.Errorf("make a %s: %w", kind.Kind, err)
			}
			kinds[kind] = openapiutil.GetCanonicalTypeName(object)
		}
	}
	models, err := builder3.BuildOpenAPIDefinitionsForResources(c.Generic.OpenAPIV3Config, slices.Sorted(maps.Values(kinds))...)
	if err != nil {
		return nil, fmt.Errorf("build the schemas of the kinds: %w", err)
	}
	stock, err := managedfields.NewTypeConverter(models, false)
	if err != nil {
		return nil, fmt.Errorf("read the schemas of the kinds: %w", err)
	}
	return newTypeConverter(stock, c.scheme, slices.Collect(maps.Keys(kinds)))
}
