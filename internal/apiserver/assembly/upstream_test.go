package assembly

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/admission"
	genericapi "k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/registry/generic"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/storage"
	cacherstorage "k8s.io/apiserver/pkg/storage/cacher"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/value"
)

// What we fill in, wrap or mirror of the Kubernetes libraries has the members that it had when we
// did: a new one may be left empty, or not be passed on, without any other test that fails.
// docs/upstream.md says what to look at; then write it down here.
func TestUpstreamTypes(t *testing.T) {
	for _, c := range []struct {
		of   reflect.Type
		want string
	}{
		{reflect.TypeFor[genericapi.APIGroupVersion](), "Storage Root GroupVersion AllServedVersionsByResource OptionsExternalVersion MetaGroupVersion Serializer ParameterCodec Typer Creater Convertor ConvertabilityChecker Defaulter Namer UnsafeConvertor TypeConverter EquivalentResourceRegistry Authorizer Admit MinRequestTimeout MaxRequestBodyBytes"},
		{reflect.TypeFor[genericapiserver.APIGroupInfo](), "PrioritizedVersions VersionedResourcesStorageMap OptionsExternalVersion MetaGroupVersion Scheme NegotiatedSerializer ParameterCodec StaticOpenAPISpec"},
		{reflect.TypeFor[generic.RESTOptions](), "StorageConfig Decorator EnableGarbageCollection DeleteCollectionWorkers ResourcePrefix CountMetricPollPeriod StorageObjectCountTracker"},
		{reflect.TypeFor[cacherstorage.Config](), "Storage Versioner GroupResource EventsHistoryWindow ResourcePrefix KeyFunc GetAttrsFunc IndexerFuncs Indexers NewFunc NewListFunc Codec Clock"},
		{reflect.TypeFor[storagebackend.Config](), "Type Prefix Transport Codec EncodeVersioner Transformer CompactionInterval CountMetricPollPeriod DBMetricPollInterval EventsHistoryWindow HealthcheckTimeout ReadycheckTimeout LeaseManagerConfig StorageObjectCountTracker"},
		{reflect.TypeFor[storage.Interface](), "CompactRevision Create Delete EnableResourceSizeEstimation Get GetCurrentResourceVersion GetList GuaranteedUpdate ReadinessCheck RequestWatchProgress Stats Versioner Watch"},
		{reflect.TypeFor[value.Transformer](), "TransformFromStorage TransformToStorage"},
		{reflect.TypeFor[managedfields.TypeConverter](), "ObjectToTyped TypedToObject"},
		{reflect.TypeFor[runtime.NegotiatedSerializer](), "DecoderToVersion EncoderForVersion SupportedMediaTypes"},
		{reflect.TypeFor[runtime.SerializerInfo](), "MediaType MediaTypeType MediaTypeSubType EncodesAsText Serializer PrettySerializer StrictSerializer StreamSerializer"},
		{reflect.TypeFor[runtime.Codec](), "Decode Encode Identifier"},
		{reflect.TypeFor[admission.Interface](), "Handles"},
		{reflect.TypeFor[admission.MutationInterface](), "Admit Handles"},
		{reflect.TypeFor[admission.ValidationInterface](), "Handles Validate"},
		{reflect.TypeFor[metav1.TypeMeta](), "Kind APIVersion"},
		{reflect.TypeFor[metav1.ObjectMeta](), "Name GenerateName Namespace SelfLink UID ResourceVersion Generation CreationTimestamp DeletionTimestamp DeletionGracePeriodSeconds Labels Annotations OwnerReferences Finalizers ManagedFields"},
		{reflect.TypeFor[metav1.ListMeta](), "SelfLink ResourceVersion Continue RemainingItemCount ShardInfo"},
		{reflect.TypeFor[metav1.WatchEvent](), "Type Object"},
	} {
		got, want := members(c.of), strings.Fields(c.want)
		for _, name := range got {
			if !slices.Contains(want, name) {
				t.Errorf("%s has got %s: see docs/upstream.md", c.of, name)
			}
		}
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s has lost %s: see docs/upstream.md", c.of, name)
			}
		}
	}
}

// members are the fields of a struct or the methods of an interface.
func members(of reflect.Type) []string {
	var names []string
	if of.Kind() == reflect.Interface {
		for i := range of.NumMethod() {
			names = append(names, of.Method(i).Name)
		}
		return names
	}
	for i := range of.NumField() {
		names = append(names, of.Field(i).Name)
	}
	return names
}
