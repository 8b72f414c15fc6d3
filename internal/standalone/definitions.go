package standalone

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	generatedopenapi "k8s.io/kubernetes/pkg/generated/openapi"

	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
)

// definitions is the resource of CustomResourceDefinitions. There are none, and none can be
// made: the kinds are part of the server. kubectl lists them before it says that the
// server does not have a kind, and says something else where it cannot.
type definitions struct{ rest.TableConvertor }

var (
	_ rest.Lister               = definitions{}
	_ rest.Getter               = definitions{}
	_ rest.Scoper               = definitions{}
	_ rest.SingularNameProvider = definitions{}
	_ rest.ShortNamesProvider   = definitions{}
)

var definitionsResource = apiextensions.Resource("customresourcedefinitions")

func newDefinitions() definitions {
	return definitions{rest.NewDefaultTableConvertor(definitionsResource)}
}

func (definitions) New() runtime.Object     { return &apiextensionsv1.CustomResourceDefinition{} }
func (definitions) NewList() runtime.Object { return &apiextensionsv1.CustomResourceDefinitionList{} }
func (definitions) Destroy()                {}
func (definitions) NamespaceScoped() bool   { return false }
func (definitions) GetSingularName() string { return "customresourcedefinition" }
func (definitions) ShortNames() []string    { return []string{"crd", "crds"} }

// List implements rest.Lister.
func (definitions) List(context.Context, *metainternalversion.ListOptions) (runtime.Object, error) {
	// It never changes, so one revision serves.
	return &apiextensionsv1.CustomResourceDefinitionList{
		ListMeta: metav1.ListMeta{ResourceVersion: "1"},
		Items:    []apiextensionsv1.CustomResourceDefinition{},
	}, nil
}

// Get implements rest.Getter.
func (definitions) Get(_ context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	return nil, apierrors.NewNotFound(definitionsResource, name)
}

// newDefinitionsScheme knows the external version only: nothing is decoded or stored.
func newDefinitionsScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register CustomResourceDefinitions: %w", err)
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return scheme, nil
}

func definitionsOpenAPI(scheme *runtime.Scheme) assembly.OpenAPISource {
	return assembly.OpenAPISource{Scheme: scheme, Definitions: generatedopenapi.GetOpenAPIDefinitions}
}

// installDefinitions serves the group apiextensions.k8s.io.
func installDefinitions(server *genericapiserver.GenericAPIServer, scheme *runtime.Scheme) error {
	group := genericapiserver.NewDefaultAPIGroupInfo(apiextensions.GroupName, scheme, runtime.NewParameterCodec(scheme), serializer.NewCodecFactory(scheme))
	group.VersionedResourcesStorageMap = map[string]map[string]rest.Storage{
		apiextensionsv1.SchemeGroupVersion.Version: {definitionsResource.Resource: newDefinitions()},
	}
	if err := server.InstallAPIGroup(&group); err != nil {
		return fmt.Errorf("install %s: %w", apiextensions.GroupName, err)
	}
	return nil
}
