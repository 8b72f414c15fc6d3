package apiserver

import (
	"maps"

	"k8s.io/apimachinery/pkg/runtime"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	openapicommon "k8s.io/kube-openapi/pkg/common"

	"github.com/mckinsey/ark-server/internal/apis/ark/openapi"
)

const openAPITitle = "Ark"

// applyOpenAPI sets both OpenAPI documents. Version 3 is also what server-side
// apply knows the types from; version 2 is read by aggregating servers.
func applyOpenAPI(config *genericapiserver.Config, arkScheme *runtime.Scheme, more []OpenAPISource) {
	schemes := []*runtime.Scheme{externalOnly(arkScheme)}
	sources := []openapicommon.GetOpenAPIDefinitions{openapi.GetOpenAPIDefinitions}
	for _, source := range more {
		schemes = append(schemes, source.Scheme)
		sources = append(sources, source.Definitions)
	}
	definitions := func(ref openapicommon.ReferenceCallback) map[string]openapicommon.OpenAPIDefinition {
		merged := map[string]openapicommon.OpenAPIDefinition{}
		for _, source := range sources {
			maps.Copy(merged, source(ref))
		}
		return merged
	}
	namer := openapinamer.NewDefinitionNamer(schemes...)
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions, namer)
	config.OpenAPIConfig.Info.Title = openAPITitle
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, namer)
	config.OpenAPIV3Config.Info.Title = openAPITitle
}

// OpenAPISource describes types beyond Ark's that a mode serves.
type OpenAPISource struct {
	Scheme      *runtime.Scheme
	Definitions openapicommon.GetOpenAPIDefinitions
}
