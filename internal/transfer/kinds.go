package transfer

import (
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
)

// kind is one kind of the API with its place in the storage.
type kind struct {
	install.Kind
	codec runtime.Codec
	// place is the group and resource, such as "ark.mckinsey.com/agents/", or of the core group
	// "secrets/".
	place string
	// core kinds are of the core group, and have no codec (core.go).
	core bool
}

// kinds are all kinds, in the order in which they are moved.
type kinds struct {
	ordered []*kind
	// ark has those of the Ark API.
	ark    []*kind
	scheme *runtime.Scheme
}

func newKinds() (*kinds, error) {
	offline, err := layout.NewOffline()
	if err != nil {
		return nil, err
	}
	all := &kinds{}
	if all.scheme, err = install.NewScheme(); err != nil {
		return nil, err
	}
	// A garbage collector that watches must never see a dependent whose owner is yet to come: Kinds
	// has them in that order.
	for _, k := range install.Kinds() {
		codec, _, err := offline.Codec(k.Resource())
		if err != nil {
			return nil, err
		}
		all.ark = append(all.ark, &kind{Kind: k, codec: codec, place: offline.ResourcePrefix(k.Resource()) + "/"})
	}
	// Namespaces come before what is in them, and what Ark's objects refer to before those.
	all.ordered = append(coreKinds(), all.ark...)
	return all, nil
}

// byGVK returns the kind, or nil.
func (all *kinds) byGVK(gvk schema.GroupVersionKind) *kind {
	for _, k := range all.ordered {
		if k.GroupVersionKind() == gvk {
			return k
		}
	}
	return nil
}

// ownedByArk reports whether an object of the core group has an owner of the Ark API, and comes
// after it therefore.
func (all *kinds) ownedByArk(o *object) bool {
	return o.kind.core && slices.ContainsFunc(all.ownersOf(o), func(by owner) bool { return !by.kind.core })
}

// owner is what an object's reference says of an owner of a kind that is moved.
type owner struct {
	kind                 *kind
	namespace, name, uid string
}

func (by owner) path() string { return by.kind.path(by.namespace, by.name) }

func (all *kinds) ownersOf(o *object) []owner {
	references, _ := metadata(o.content)["ownerReferences"].([]any)
	var owners []owner
	for _, one := range references {
		reference, _ := one.(map[string]any)
		text := func(field string) string { value, _ := reference[field].(string); return value }
		k := all.byGVK(schema.FromAPIVersionAndKind(text("apiVersion"), text("kind")))
		if k == nil {
			continue
		}
		by := owner{kind: k, namespace: o.namespace, name: text("name"), uid: text("uid")}
		if k.ClusterScoped {
			by.namespace = ""
		}
		owners = append(owners, by)
	}
	return owners
}

// path is the part of the key that names an object, in the storage and among the records.
func (k *kind) path(namespace, name string) string { return k.place + path.Join(namespace, name) }

// parse is the reverse of path without the place; ok is false for a key that is none of an
// object's.
func (k *kind) parse(rest string) (namespace, name string, ok bool) {
	namespace, name, found := strings.Cut(rest, "/")
	if k.ClusterScoped {
		return "", rest, !found && rest != ""
	}
	return namespace, name, found && name != "" && !strings.Contains(name, "/")
}

// title names an object in reports: "Agent default/researcher".
func (k *kind) title(namespace, name string) string { return k.Name + " " + path.Join(namespace, name) }
