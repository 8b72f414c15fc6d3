package layout

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/encoding"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
)

// KeyPrefix is the first part of every key, as in a stock cluster.
const KeyPrefix = "/registry"

// Layout stores each kind as JSON in its one version, under the keys that a
// custom resource has: /registry/ark.mckinsey.com/agents/<namespace>/<name>.
// It is immutable and safe for concurrent use.
type Layout struct {
	stock     serializer.CodecFactory
	json      *encoding.Codecs
	defaulter runtime.ObjectDefaulter
	kinds     map[schema.GroupResource]install.Kind
	findings  *findings.Findings
}

// New returns the layout of the Ark kinds, with the codecs that a server has. found counts what is
// found in stored objects; nil for not at all.
func New(stock serializer.CodecFactory, json *encoding.Codecs, defaulter runtime.ObjectDefaulter, found *findings.Findings) Layout {
	l := Layout{stock: stock, json: json, defaulter: defaulter, kinds: map[schema.GroupResource]install.Kind{}, findings: found}
	for _, kind := range install.Kinds() {
		l.kinds[kind.Resource()] = kind
	}
	return l
}

// NewOffline returns how the Ark kinds are stored, for what reads or writes a storage
// without a server. Its codecs decode any release's objects and encode as the server does.
func NewOffline() (Layout, error) {
	scheme, err := install.NewScheme()
	if err != nil {
		return Layout{}, err
	}
	json, err := encoding.NewCodecs(install.Kinds(), hooks.Off{})
	if err != nil {
		return Layout{}, err
	}
	return New(serializer.NewCodecFactory(scheme), json, scheme, nil), nil
}

// Codec returns what the values of a resource are encoded with, and the version that they have.
func (l Layout) Codec(resource schema.GroupResource) (runtime.Codec, schema.GroupVersion, error) {
	kind, ok := l.kinds[resource]
	if !ok {
		return nil, schema.GroupVersion{}, fmt.Errorf("no storage version is known for %s", resource)
	}
	return l.json.ForStorage(kind, l.stock, l.defaulter, l.findings), kind.GroupVersion, nil
}

// ResourcePrefix is the part of the key between KeyPrefix and the namespace.
func (Layout) ResourcePrefix(resource schema.GroupResource) string {
	return resource.Group + "/" + resource.Resource
}
