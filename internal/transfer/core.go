package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
)

const (
	namespaces = "namespaces"
	configMaps = "configmaps"
	secrets    = "secrets"
)

// coreResources are what a standalone server keeps besides Ark's kinds. They lie in its storage as
// in that of kube-apiserver: in protobuf, under their resource. Everything else here has them as
// JSON; Store translates.
var coreResources = []string{namespaces, configMaps, secrets}

func coreKind(name, plural string, clusterScoped bool, fresh func() runtime.Object) *kind {
	return &kind{core: true, place: plural + "/", Kind: install.Kind{
		GroupVersion: corev1.SchemeGroupVersion, Name: name, Plural: plural, ClusterScoped: clusterScoped, New: fresh,
	}}
}

// coreKinds are what a standalone server keeps besides Ark's kinds.
func coreKinds() []*kind {
	return []*kind{
		coreKind("Namespace", namespaces, true, func() runtime.Object { return &corev1.Namespace{} }),
		coreKind("ConfigMap", configMaps, false, func() runtime.Object { return &corev1.ConfigMap{} }),
		coreKind("Secret", secrets, false, func() runtime.Object { return &corev1.Secret{} }),
	}
}

// ownNamespaces are those that every standalone server makes itself.
var ownNamespaces = []string{metav1.NamespaceDefault, "kube-node-lease", metav1.NamespacePublic, metav1.NamespaceSystem}

// ownNamespace says that a server makes the object itself. Its uid is the server's identity, and is
// never moved.
func (o *object) ownNamespace() bool {
	return o.kind.Plural == namespaces && slices.Contains(ownNamespaces, o.name)
}

// reduce leaves of a server's own namespace what its users gave it, and says whether that is
// anything.
func (o *object) reduce() bool {
	meta := metadata(o.content)
	kept := map[string]any{"name": o.name}
	for _, field := range []string{"labels", "annotations"} {
		values, _ := meta[field].(map[string]any)
		delete(values, corev1.LabelMetadataName)
		if len(values) > 0 {
			kept[field] = values
		}
	}
	o.uid, o.resourceVersion = "", ""
	o.content = map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": kept}
	return len(kept) > 1
}

// errSecretForm stands for a decoder's error, which might quote what it read.
var errSecretForm = errors.New("it is no Secret: data must hold base64, stringData text, and the metadata what is theirs")

// coreForm encodes an object of the core group as a server would store it.
func (o *object) coreForm() (form, error) {
	text, err := encodeJSON(o.content)
	if err != nil {
		return form{}, fmt.Errorf("encode: %w", err)
	}
	typed := o.kind.New()
	if err := json.Unmarshal(text, typed); err != nil {
		if o.kind.Plural == secrets {
			return form{}, errSecretForm
		}
		return form{}, fmt.Errorf("the server could not read it: %w", err)
	}
	typed.GetObjectKind().SetGroupVersionKind(o.kind.GroupVersionKind())
	given := map[string]any{}
	for key, value := range o.content {
		given[key] = value
	}
	switch object := typed.(type) {
	case *corev1.Secret:
		for key, value := range object.StringData {
			if object.Data == nil {
				object.Data = map[string][]byte{}
			}
			object.Data[key] = []byte(value)
		}
		object.StringData = nil
		delete(given, "stringData")
		if len(object.Data) > 0 && o.content["stringData"] != nil {
			delete(given, "data") // the one may replace keys of the other
		}
		if object.Type == "" {
			object.Type = corev1.SecretTypeOpaque
		}
	case *corev1.Namespace:
		if object.Labels == nil {
			object.Labels = map[string]string{}
		}
		object.Labels[corev1.LabelMetadataName] = object.Name
		if len(object.Spec.Finalizers) == 0 && object.DeletionTimestamp == nil {
			object.Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
		}
		if object.Status.Phase == "" {
			object.Status.Phase = corev1.NamespaceActive
		}
	}
	f := form{typed: typed, core: true}
	if f.value, err = json.Marshal(typed); err != nil {
		return form{}, fmt.Errorf("encode: %w", err)
	}
	its, err := decodeJSON(f.value)
	if err != nil {
		return form{}, err
	}
	f.dropped = differences(withoutEmpty(given), its, true)
	return f, nil
}

// withoutEmpty leaves out what an encoder leaves out.
func withoutEmpty(value any) any {
	from, ok := value.(map[string]any)
	if !ok {
		return value
	}
	to := map[string]any{}
	for key, one := range from {
		one = withoutEmpty(one)
		switch v := one.(type) {
		case nil:
			continue
		case map[string]any:
			if len(v) == 0 {
				continue
			}
		case []any:
			if len(v) == 0 {
				continue
			}
		}
		to[key] = one
	}
	return to
}

// coreFaults lists the fields for which a server would refuse the object if it were created today.
func coreFaults(typed runtime.Object) []string {
	var paths []string
	size := 0
	key := func(field, name string, bytes int) {
		size += bytes
		if len(validation.IsConfigMapKey(name)) > 0 {
			paths = append(paths, child(field, name))
		}
	}
	switch o := typed.(type) {
	case *corev1.Secret:
		for name, value := range o.Data {
			key("data", name, len(value))
		}
	case *corev1.ConfigMap:
		for name, value := range o.Data {
			key("data", name, len(value))
		}
		for name, value := range o.BinaryData {
			key("binaryData", name, len(value))
		}
	}
	if size > corev1.MaxSecretSize {
		paths = append(paths, "data (above 1 MiB)")
	}
	slices.Sort(paths)
	return paths
}

var protobufPrefix = []byte("k8s\x00")

var coreSerializer = sync.OnceValues(func() (*protobuf.Serializer, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("set up the core types: %w", err)
	}
	return protobuf.NewSerializer(scheme, scheme), nil
})

// isEncrypted reports whether a value is as an API server stores it that encrypts.
func isEncrypted(value []byte) bool { return bytes.HasPrefix(value, []byte("k8s:enc:")) }

// isCore tells the keys of core objects from others.
func isCore(path string) bool {
	_, ok := coreResource(path)
	return ok
}

// coreResource returns the resource of the key of a core object; ok is false for other keys.
func coreResource(path string) (resource string, ok bool) {
	resource, _, _ = strings.Cut(path, "/")
	return resource, slices.Contains(coreResources, resource)
}

// fromStored is the JSON of what is stored. What cannot be read stays as it is, and is no JSON.
func fromStored(path string, value []byte) []byte {
	if !isCore(path) || !bytes.HasPrefix(value, protobufPrefix) {
		return value
	}
	s, err := coreSerializer()
	if err != nil {
		return value
	}
	typed, gvk, err := s.Decode(value, nil, nil)
	if err != nil {
		return value
	}
	typed.GetObjectKind().SetGroupVersionKind(*gvk)
	text, err := json.Marshal(typed)
	if err != nil {
		return value
	}
	return text
}

// toStored is the reverse.
func toStored(path string, value []byte) ([]byte, error) {
	if !isCore(path) {
		return value, nil
	}
	s, err := coreSerializer()
	if err != nil {
		return nil, err
	}
	var typed runtime.Object
	for _, k := range coreKinds() {
		if strings.HasPrefix(path, k.place) {
			typed = k.New()
			if err := json.Unmarshal(value, typed); err != nil {
				return nil, fmt.Errorf("encode %s: its JSON is none of its kind", path)
			}
			typed.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind())
		}
	}
	var out bytes.Buffer
	if err := s.Encode(typed, &out); err != nil {
		return nil, fmt.Errorf("encode %s: %w", path, err)
	}
	return out.Bytes(), nil
}
