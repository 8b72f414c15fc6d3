package controllers

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

type object = *unstructured.Unstructured

var (
	queries  = schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: "v1alpha1", Resource: "queries"}
	tasks    = queries.GroupVersion().WithResource("a2atasks")
	agents   = queries.GroupVersion().WithResource("agents")
	configs  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets  = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	roles    = schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}
	tools    = queries.GroupVersion().WithResource("tools")
	accounts = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
)

// kind makes objects of a resource.
type kind struct {
	resource schema.GroupVersionResource
	make     func(namespace, name string) object
}

// coreKind is a kind of which an object needs no more than these fields.
func coreKind(group, version, resource, name string, fields map[string]any) kind {
	gv := schema.GroupVersion{Group: group, Version: version}
	return kind{gv.WithResource(resource), func(namespace, object string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": gv.String(), "kind": name, "metadata": map[string]any{"namespace": namespace, "name": object}}}
		for field, value := range fields {
			if f, ok := value.(func(namespace string) any); ok {
				value = f(namespace)
			}
			o.Object[field] = value
		}
		return o
	}}
}

// arkKinds are those of Ark that are in namespaces.
func arkKinds() []kind {
	var all []kind
	for _, sample := range registrytest.Samples() {
		if sample.ClusterScoped {
			continue
		}
		gv := schema.GroupVersion{Group: "ark.mckinsey.com", Version: sample.Version}
		all = append(all, kind{gv.WithResource(sample.Plural), func(namespace, name string) *unstructured.Unstructured {
			return &unstructured.Unstructured{Object: sample.Object(namespace, name)}
		}})
	}
	return all
}

// coreKinds are the others.
func coreKinds() []kind {
	const rbac = "rbac.authorization.k8s.io"
	return []kind{
		coreKind("", "v1", "configmaps", "ConfigMap", map[string]any{"data": map[string]any{"a": "b"}}),
		coreKind("", "v1", "secrets", "Secret", map[string]any{"stringData": map[string]any{"a": "b"}}),
		coreKind("", "v1", "serviceaccounts", "ServiceAccount", nil),
		coreKind("", "v1", "services", "Service", map[string]any{"spec": map[string]any{"clusterIP": "None", "ports": []any{map[string]any{"port": int64(80)}}}}),
		coreKind("", "v1", "endpoints", "Endpoints", nil),
		coreKind("", "v1", "events", "Event", map[string]any{"reason": "Test", "type": "Normal", "involvedObject": func(namespace string) any {
			return map[string]any{"namespace": namespace, "kind": "ConfigMap", "name": "a"}
		}}),
		coreKind("", "v1", "resourcequotas", "ResourceQuota", map[string]any{"spec": map[string]any{"hard": map[string]any{"count/widgets.example.com": "5"}}}),
		coreKind("", "v1", "limitranges", "LimitRange", map[string]any{"spec": map[string]any{"limits": []any{}}}),
		coreKind(rbac, "v1", "roles", "Role", map[string]any{"rules": []any{}}),
		coreKind(rbac, "v1", "rolebindings", "RoleBinding", map[string]any{"roleRef": map[string]any{"apiGroup": rbac, "kind": "ClusterRole", "name": "view"}}),
		coreKind("coordination.k8s.io", "v1", "leases", "Lease", nil),
	}
}

// resourceOf returns the resource of an object of a kind of Ark's, or of a core one that those
// refer to.
func resourceOf(o object) (resource schema.GroupVersionResource, core bool) {
	for _, sample := range registrytest.Samples() {
		if sample.Kind == o.GetKind() {
			return schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: sample.Version, Resource: sample.Plural}, false
		}
	}
	return map[string]schema.GroupVersionResource{"Secret": secrets, "ConfigMap": configs}[o.GetKind()], true
}

// ownedBy makes an object another one's.
func ownedBy(o, owner object) {
	o.Object["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{
		"apiVersion": owner.GetAPIVersion(), "kind": owner.GetKind(), "name": owner.GetName(), "uid": string(owner.GetUID()), "blockOwnerDeletion": true,
	}}
}

func numbered(prefix string, i int) string { return fmt.Sprintf("%s-%d", prefix, i) }
