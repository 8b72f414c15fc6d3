package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/validation"
	"github.com/mckinsey/ark-server/internal/objectjson"
)

// object is one object of a source.
type object struct {
	kind            *kind
	namespace, name string
	// uid and resourceVersion are the source's; empty where it has none.
	uid, resourceVersion string
	// content is the object without its resourceVersion.
	content map[string]any
}

func (o *object) path() string  { return o.kind.path(o.namespace, o.name) }
func (o *object) title() string { return o.kind.title(o.namespace, o.name) }

// errOtherKind is for objects that are none of the Ark API.
var errOtherKind = errors.New("not of the group " + ark.GroupName)

// readItem is read for an item, which may have an error in place of a text.
func (all *kinds) readItem(item Item) (*object, error) {
	if item.Err != nil {
		return nil, item.Err
	}
	return all.read(item.Text)
}

// read takes an object from a source's text.
func (all *kinds) read(text []byte) (*object, error) {
	value, err := decodeJSON(text)
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	content, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not an object of the API: it is no JSON object")
	}
	apiVersion, _ := content["apiVersion"].(string)
	name, _ := content["kind"].(string)
	if apiVersion == "" || name == "" {
		return nil, errors.New("not an object of the API: it has no apiVersion or no kind")
	}
	gvk := schema.FromAPIVersionAndKind(apiVersion, name)
	k := all.byGVK(gvk)
	if k == nil && gvk.Group != ark.GroupName {
		return nil, fmt.Errorf("%s of %s: %w", name, apiVersion, errOtherKind)
	}
	if k == nil {
		return nil, fmt.Errorf("%s of %s: this ark-server knows no such kind in that version", name, apiVersion)
	}
	meta, ok := content["metadata"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s without metadata", name)
	}
	o := &object{kind: k, content: content}
	o.name, _ = meta["name"].(string)
	o.namespace, _ = meta["namespace"].(string)
	o.uid, _ = meta["uid"].(string)
	o.resourceVersion, _ = meta["resourceVersion"].(string)
	switch {
	case k.ClusterScoped:
		o.namespace = ""
	case o.namespace == "":
		o.namespace = "default"
		meta["namespace"] = o.namespace
	}
	// Both become parts of the key.
	if faults := apivalidation.NameIsDNSSubdomain(o.name, false); len(faults) > 0 {
		return nil, fmt.Errorf("%s with the name %q: %s", k.Name, o.name, strings.Join(faults, "; "))
	}
	if !k.ClusterScoped {
		if faults := apivalidation.ValidateNamespaceName(o.namespace, false); len(faults) > 0 {
			return nil, fmt.Errorf("%s in the namespace %q: %s", k.Name, o.namespace, strings.Join(faults, "; "))
		}
	}
	delete(meta, "resourceVersion")
	delete(meta, "selfLink")
	for key, value := range meta {
		if value == nil {
			delete(meta, key)
		}
	}
	return o, nil
}

// complete gives an object that comes without an identity, such as a manifest, the one that it has
// here already or else a new one, as creating it through the API would.
func (o *object) complete(here []byte, now time.Time) error {
	meta := o.content["metadata"].(map[string]any)
	known := map[string]any{}
	if here != nil {
		value, err := decodeJSON(here)
		if err != nil {
			return fmt.Errorf("read what is stored: %w", err)
		}
		if content, ok := value.(map[string]any); ok {
			known, _ = content["metadata"].(map[string]any)
		}
	}
	for field, fresh := range map[string]func() any{
		"uid":               func() any { return string(uuid.NewUUID()) },
		"creationTimestamp": func() any { return now.UTC().Format(time.RFC3339) },
		"generation":        func() any { return 1 },
	} {
		if _, given := meta[field]; given {
			continue
		}
		if value, ok := known[field]; ok {
			meta[field] = value
		} else if field != "generation" || !o.kind.core {
			meta[field] = fresh()
		}
	}
	if managed, ok := known["managedFields"]; ok && o.ownNamespace() {
		meta["managedFields"] = managed
	}
	o.uid, _ = meta["uid"].(string)
	return nil
}

// form is an object as it is to be stored.
type form struct {
	value []byte
	// asItWas says that the value is the source's own text, and why: the fields that decoding loses.
	asItWas []string
	// unknown are the fields that this release does not know and keeps.
	unknown []string
	// dropped are the fields of a core object that a server does not keep.
	dropped []string
	core    bool
	// typed is what the server will make of the value.
	typed runtime.Object
}

// form encodes an object as the API server's storage does, if that loses nothing.
func (o *object) form() (form, error) {
	if o.kind.core {
		return o.coreForm()
	}
	text, err := encodeJSON(o.content)
	if err != nil {
		return form{}, fmt.Errorf("encode: %w", err)
	}
	typed, _, err := o.kind.codec.Decode(text, nil, o.kind.New())
	if err != nil {
		return form{}, fmt.Errorf("the server could not read it: %w", err)
	}
	value, err := runtime.Encode(o.kind.codec, typed)
	if err != nil {
		return form{}, fmt.Errorf("encode: %w", err)
	}
	mine, err := decodeJSON(text) // again, for numbers that were none
	if err != nil {
		return form{}, err
	}
	its, err := decodeJSON(value)
	if err != nil {
		return form{}, err
	}
	if lost := differences(mine, its, true); len(lost) > 0 {
		return form{value: text, asItWas: lost, typed: typed}, nil
	}
	f := form{value: value, typed: typed}
	if keeper, ok := typed.(objectjson.Object); ok {
		for _, field := range keeper.UnknownFields().List() {
			f.unknown = append(f.unknown, field.Path.String())
		}
	}
	return f, nil
}

// faults lists the fields for which the object would be refused if it were created today. Objects
// that are there already may keep such faults.
func (all *kinds) faults(ctx context.Context, f form) []string {
	var paths []string
	if f.core {
		return coreFaults(f.typed)
	}
	for _, fault := range append(all.scheme.Validate(ctx, nil, f.typed), validation.Validate(f.typed)...) {
		paths = append(paths, fault.Field)
	}
	return paths
}

// sameValue compares two stored values, in whatever form each is.
func sameValue(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := decodeJSON(a)
	y, errY := decodeJSON(b)
	return errX == nil && errY == nil && len(differences(x, y, false)) == 0
}
