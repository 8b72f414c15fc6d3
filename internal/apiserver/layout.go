package apiserver

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/mckinsey/ark-server/internal/registry"
)

// KeyPrefix is the first part of every key, as in a stock cluster.
const KeyPrefix = "/registry"

// Layout says how the objects of some group are encoded and under which keys
// they lie. k8s.io/apiserver's storage factories satisfy it.
type Layout interface {
	// NewConfig returns the storage configuration of one resource, with its codec.
	NewConfig(resource schema.GroupResource, example runtime.Object) (*storagebackend.ConfigForResource, error)
	// ResourcePrefix is the part of the key between KeyPrefix and the namespace.
	ResourcePrefix(resource schema.GroupResource) string
}

// arkLayout stores each kind as JSON in its one version, under the keys that a
// custom resource has: /registry/ark.mckinsey.com/agents/<namespace>/<name>.
type arkLayout struct {
	base      storagebackend.Config
	codecs    serializer.CodecFactory
	json      *objectCodecs
	defaulter runtime.ObjectDefaulter
	kinds     map[schema.GroupResource]registry.Kind
	findings  *Findings // nil for none
}

func newArkLayout(base storagebackend.Config, codecs serializer.CodecFactory, json *objectCodecs, defaulter runtime.ObjectDefaulter, kinds []registry.Kind) arkLayout {
	byResource := map[schema.GroupResource]registry.Kind{}
	for _, kind := range kinds {
		byResource[kind.Resource()] = kind
	}
	return arkLayout{base: base, codecs: codecs, json: json, defaulter: defaulter, kinds: byResource}
}

// ArkLayout returns how the Ark kinds are stored, for what reads or writes a storage
// without a server. Its codecs decode any release's objects and encode as the server does.
func ArkLayout() (Layout, error) {
	scheme, err := NewScheme()
	if err != nil {
		return nil, err
	}
	json, err := newObjectCodecs(registry.Kinds())
	if err != nil {
		return nil, err
	}
	return newArkLayout(storageConfig(), serializer.NewCodecFactory(scheme), json, scheme, registry.Kinds()), nil
}

func (l arkLayout) NewConfig(resource schema.GroupResource, _ runtime.Object) (*storagebackend.ConfigForResource, error) {
	kind, ok := l.kinds[resource]
	if !ok {
		return nil, fmt.Errorf("no storage version is known for %s", resource)
	}
	config := l.base
	config.Codec = storageCodec{
		Codec:     l.codec(kind),
		kind:      kind.GroupVersionKind(),
		newObject: kind.New,
		defaulter: l.defaulter,
		json:      l.json.objects[reflect.TypeOf(kind.New())].Codec,
		resource:  kind.Resource(),
		findings:  l.findings,
	}
	config.EncodeVersioner = kind.GroupVersion
	return config.ForResource(resource), nil
}

// codec is the stock one with our JSON in it.
func (l arkLayout) codec(kind registry.Kind) runtime.Codec {
	var encoder runtime.Encoder
	for _, info := range l.json.negotiated(l.codecs).SupportedMediaTypes() {
		if info.MediaType == runtime.ContentTypeJSON {
			encoder = info.Serializer
		}
	}
	return l.codecs.CodecForVersions(encoder, l.codecs.UniversalDeserializer(), schema.GroupVersions{kind.GroupVersion}, runtime.InternalGroupVersioner)
}

func (arkLayout) ResourcePrefix(resource schema.GroupResource) string {
	return resource.Group + "/" + resource.Resource
}
