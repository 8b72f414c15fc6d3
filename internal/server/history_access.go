package server

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
	"github.com/mckinsey/ark-server/internal/history"
)

// recordedKind is a kind outside Ark's group whose changes are kept in the history.
type recordedKind struct {
	history.Resource
	prefix     []byte
	namespaced bool
	// new returns an object of a kind that is stored as protobuf; it is nil for JSON.
	new func() runtime.Object
}

// recordedKinds are retention policies, descriptions of tokens, and the RBAC objects that a
// standalone server stores.
var recordedKinds = []recordedKind{
	recordedAs(records.GroupName, "retentionpolicies", records.GroupName+"/retentionpolicies", false, nil),
	recordedAs(records.GroupName, "tokens", tokenPath, false, nil),
	recordedAs(rbacv1.GroupName, "roles", "roles", true, func() runtime.Object { return &rbacv1.Role{} }),
	recordedAs(rbacv1.GroupName, "rolebindings", "rolebindings", true, func() runtime.Object { return &rbacv1.RoleBinding{} }),
	recordedAs(rbacv1.GroupName, "clusterroles", "clusterroles", false, func() runtime.Object { return &rbacv1.ClusterRole{} }),
	recordedAs(rbacv1.GroupName, "clusterrolebindings", "clusterrolebindings", false, func() runtime.Object { return &rbacv1.ClusterRoleBinding{} }),
}

func recordedAs(group, resource, path string, namespaced bool, object func() runtime.Object) recordedKind {
	return recordedKind{history.Resource{Group: group, Resource: resource}, []byte(layout.KeyPrefix + "/" + path + "/"), namespaced, object}
}

// recorded selects the objects whose history is kept. It excludes all other objects, such as
// Secrets, Events and Leases.
func recorded(key []byte) (history.Ref, bool) {
	if ref, ok := arkObject(key); ok {
		return ref, true
	}
	for i := range recordedKinds {
		k := &recordedKinds[i]
		rest, ok := bytes.CutPrefix(key, k.prefix)
		if !ok {
			continue
		}
		namespace, name := "", string(rest)
		if k.namespaced {
			namespace, name, ok = strings.Cut(name, "/")
		}
		return history.Ref{Resource: k.Resource, Namespace: namespace, Name: name}, ok && name != "" && !strings.Contains(name, "/")
	}
	return history.Ref{}, false
}

// accessJSON returns the JSON of an object that is stored as protobuf, or nil if it cannot be
// decoded, for example because it is encrypted.
func accessJSON(ref history.Ref, value []byte) []byte {
	at := slices.IndexFunc(recordedKinds, func(k recordedKind) bool { return k.Resource == ref.Resource && k.new != nil })
	if at < 0 {
		return nil
	}
	object := recordedKinds[at].new()
	if _, _, err := accessCodec.Decode(value, nil, object); err != nil {
		return nil
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil
	}
	return text
}

var accessCodec = newAccessCodec()

func newAccessCodec() runtime.Decoder {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(schema.GroupVersion{Group: rbacv1.GroupName, Version: "v1"}, &rbacv1.Role{}, &rbacv1.RoleBinding{}, &rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{})
	return protobuf.NewSerializer(scheme, scheme)
}
