package standalone

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	generatedopenapi "k8s.io/kubernetes/pkg/generated/openapi"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/crds"
	"github.com/mckinsey/ark-server/internal/registry"
)

// In a cluster Ark's kinds are CustomResourceDefinitions or served by an APIService, and tools look
// for either to find out whether Ark is there. Here they are parts of the server, and views say so.

// newDefinitions is the view of the CustomResourceDefinitions, with the schemas that `ark-server
// crds` prints.
func newDefinitions() (*view, error) {
	kinds := registry.Kinds()
	slices.SortFunc(kinds, func(a, b registry.Kind) int { return strings.Compare(a.Plural, b.Plural) })
	var objects []runtime.Object
	for _, kind := range kinds {
		definition, err := crds.Definition(kind)
		if err != nil {
			return nil, fmt.Errorf("define %s: %w", kind.Resource(), err)
		}
		text, err := json.Marshal(definition)
		if err != nil {
			return nil, fmt.Errorf("define %s: %w", kind.Resource(), err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := json.Unmarshal(text, crd); err != nil {
			return nil, fmt.Errorf("define %s: %w", kind.Resource(), err)
		}
		crd.UID = viewUID(crd.Kind, crd.Name)
		crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
		crd.Status = apiextensionsv1.CustomResourceDefinitionStatus{
			Conditions: []apiextensionsv1.CustomResourceDefinitionCondition{
				{Type: apiextensionsv1.NamesAccepted, Status: apiextensionsv1.ConditionTrue, Reason: "NoConflicts", Message: "no conflicts found"},
				{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue, Reason: "BuiltIn", Message: "the kind is part of the server"},
			},
			AcceptedNames:  crd.Spec.Names,
			StoredVersions: []string{kind.GroupVersion.Version},
		}
		objects = append(objects, crd)
	}
	return newView(apiextensions.Resource("customresourcedefinitions"), "customresourcedefinition", []string{"crd", "crds"}, string(apiextensionsv1.Established),
		func() runtime.Object { return &apiextensionsv1.CustomResourceDefinition{} },
		func() runtime.Object { return &apiextensionsv1.CustomResourceDefinitionList{} }, objects)
}

// newAPIServices is the view of the APIServices of Ark's versions.
func newAPIServices() (*view, error) {
	versions := map[string]bool{}
	for _, kind := range registry.Kinds() {
		versions[kind.GroupVersion.Version] = true
	}
	var objects []runtime.Object
	for version := range versions {
		name := version + "." + ark.GroupName
		objects = append(objects, &apiregistrationv1.APIService{
			TypeMeta:   metav1.TypeMeta{APIVersion: apiregistrationv1.SchemeGroupVersion.String(), Kind: "APIService"},
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: viewUID("APIService", name)},
			Spec:       apiregistrationv1.APIServiceSpec{Group: ark.GroupName, Version: version, GroupPriorityMinimum: 1000, VersionPriority: 15},
			Status: apiregistrationv1.APIServiceStatus{Conditions: []apiregistrationv1.APIServiceCondition{{
				Type: apiregistrationv1.Available, Status: apiregistrationv1.ConditionTrue, Reason: "Local", Message: "Local APIServices are always available",
			}}},
		})
	}
	slices.SortFunc(objects, func(a, b runtime.Object) int {
		return strings.Compare(a.(*apiregistrationv1.APIService).Name, b.(*apiregistrationv1.APIService).Name)
	})
	return newView(schema.GroupResource{Group: apiregistrationv1.GroupName, Resource: "apiservices"}, "apiservice", nil, string(apiregistrationv1.Available),
		func() runtime.Object { return &apiregistrationv1.APIService{} },
		func() runtime.Object { return &apiregistrationv1.APIServiceList{} }, objects)
}

// viewUID is the same on every server and after every start: a UUID of version 8, whose content is
// anybody's own.
func viewUID(kind, name string) types.UID {
	sum := sha256.Sum256([]byte(kind + "/" + name))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]))
}

// views are the two groups, each with a scheme that knows the external version only: nothing is
// decoded or stored.
type views struct {
	scheme *runtime.Scheme
	of     map[schema.GroupVersion]map[string]rest.Storage
}

func newViews() (views, error) {
	definitions, err := newDefinitions()
	if err != nil {
		return views{}, err
	}
	services, err := newAPIServices()
	if err != nil {
		return views{}, err
	}
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return views{}, fmt.Errorf("register CustomResourceDefinitions: %w", err)
	}
	if err := apiregistrationv1.AddToScheme(scheme); err != nil {
		return views{}, fmt.Errorf("register APIServices: %w", err)
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return views{scheme: scheme, of: map[schema.GroupVersion]map[string]rest.Storage{
		apiextensionsv1.SchemeGroupVersion:   {definitions.resource.Resource: definitions},
		apiregistrationv1.SchemeGroupVersion: {services.resource.Resource: services},
	}}, nil
}

func (v views) openAPI() assembly.OpenAPISource {
	return assembly.OpenAPISource{Scheme: v.scheme, Definitions: generatedopenapi.GetOpenAPIDefinitions}
}

// install serves the groups.
func (v views) install(server *genericapiserver.GenericAPIServer) error {
	for version, resources := range v.of {
		group := genericapiserver.NewDefaultAPIGroupInfo(version.Group, v.scheme, runtime.NewParameterCodec(v.scheme), serializer.NewCodecFactory(v.scheme))
		group.VersionedResourcesStorageMap = map[string]map[string]rest.Storage{version.Version: resources}
		if err := server.InstallAPIGroup(&group); err != nil {
			return fmt.Errorf("install %s: %w", version, err)
		}
	}
	return nil
}
