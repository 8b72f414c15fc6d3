package assembly

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	openapicommon "k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/openapi"
	"github.com/mckinsey/ark-server/internal/apiserver/filters"
)

const openAPITitle = "Ark"

// applyOpenAPI sets both OpenAPI documents. Version 3 is also what server-side
// apply knows the types from; version 2 is read by aggregating servers.
func applyOpenAPI(config *genericapiserver.Config, arkScheme *runtime.Scheme, more []OpenAPISource) {
	schemes := []*runtime.Scheme{install.External(arkScheme)}
	sources := []openapicommon.GetOpenAPIDefinitions{openapi.Definitions}
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
	config.OpenAPIConfig.PostProcessSpec = hideStrategicV2
	config.OpenAPIV3Config.PostProcessSpec = hideStrategicV3
}

// The documents must not offer strategic merge patches of Ark objects, which the
// server refuses (filters/media.go): kubectl apply goes by what they offer.

func hideStrategicV2(document *spec.Swagger) (*spec.Swagger, error) {
	for path, item := range document.Paths.Paths {
		if isArkPath(path) && item.Patch != nil {
			item.Patch.Consumes = slices.DeleteFunc(slices.Clone(item.Patch.Consumes), filters.IsStrategic)
		}
	}
	return document, nil
}

func hideStrategicV3(document *spec3.OpenAPI) (*spec3.OpenAPI, error) {
	for path, item := range document.Paths.Paths {
		if isArkPath(path) && item.Patch != nil && item.Patch.RequestBody != nil {
			maps.DeleteFunc(item.Patch.RequestBody.Content, func(mediaType string, _ *spec3.MediaType) bool { return filters.IsStrategic(mediaType) })
		}
	}
	return document, nil
}

func isArkPath(path string) bool {
	return strings.HasPrefix(path, genericapiserver.APIGroupPrefix+"/"+ark.GroupName+"/")
}

// OpenAPISource describes types beyond Ark's that a mode serves.
type OpenAPISource struct {
	Scheme      *runtime.Scheme
	Definitions openapicommon.GetOpenAPIDefinitions
}
