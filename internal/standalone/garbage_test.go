package standalone

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
)

// TestGarbage has owners and dependents of Ark's and the core group, one and the other way round.
// What a deletion's policy does to dependents of every kind is in e2e/contract, C12.
func TestGarbage(t *testing.T) {
	r := start(t, t.TempDir())
	ark := func(resource string) dynamic.NamespaceableResourceInterface {
		return r.objects.Resource(schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: "v1alpha1", Resource: resource})
	}
	core := func(resource string) dynamic.NamespaceableResourceInterface {
		return r.objects.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource})
	}
	agents, configs := ark("agents").Namespace("default"), ark("arkconfigs")
	secrets, configMaps := core("secrets").Namespace("default"), core("configmaps").Namespace("default")
	make := func(client dynamic.ResourceInterface, apiVersion, kind, name string, owners ...*unstructured.Unstructured) *unstructured.Unstructured {
		t.Helper()
		obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
		if apiVersion != "v1" {
			obj.Object["spec"] = map[string]any{}
		}
		obj.SetName(name)
		var references []metav1.OwnerReference
		for _, o := range owners {
			references = append(references, metav1.OwnerReference{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Name: o.GetName(), UID: o.GetUID()})
		}
		obj.SetOwnerReferences(references)
		obj, err := client.Create(t.Context(), obj, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return obj
	}
	const arkVersion = "ark.mckinsey.com/v1alpha1"
	remove := func(client dynamic.ResourceInterface, name string, policy metav1.DeletionPropagation) {
		t.Helper()
		if err := client.Delete(t.Context(), name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
			t.Fatal(err)
		}
	}
	never := &unstructured.Unstructured{Object: map[string]any{"apiVersion": arkVersion, "kind": "Agent"}}
	never.SetName("never")
	never.SetUID(types.UID("0d3f0c8e-1d6b-4e2c-9c55-6a0b1f1f7a11"))

	t.Run("an agent owns a secret, which owns a configmap", func(t *testing.T) {
		agent := make(agents, arkVersion, "Agent", "chain")
		secret := make(secrets, "v1", "Secret", "chain", agent)
		make(configMaps, "v1", "ConfigMap", "chain", secret)
		remove(agents, "chain", metav1.DeletePropagationBackground)
		vanishes(t, secrets, "chain")
		vanishes(t, configMaps, "chain")
	})
	t.Run("a configmap owns an agent", func(t *testing.T) {
		make(agents, arkVersion, "Agent", "configured", make(configMaps, "v1", "ConfigMap", "config"))
		// The collector takes along what it has heard of, which is all agents before this one.
		make(agents, arkVersion, "Agent", "stray", never)
		vanishes(t, agents, "stray")
		remove(configMaps, "config", metav1.DeletePropagationForeground)
		vanishes(t, configMaps, "config")
		if _, err := agents.Get(t.Context(), "configured", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("the owner has gone, and reading the dependent gives %v", err)
		}
	})
	t.Run("a kind without namespaces owns an agent", func(t *testing.T) {
		make(agents, arkVersion, "Agent", "global", make(configs, arkVersion, "ArkConfig", "default"))
		remove(configs, "default", metav1.DeletePropagationBackground)
		vanishes(t, agents, "global")
	})
	t.Run("one of two owners is left", func(t *testing.T) {
		gone, stays := make(agents, arkVersion, "Agent", "gone"), make(agents, arkVersion, "Agent", "stays")
		make(agents, arkVersion, "Agent", "shared", gone, stays)
		remove(agents, "gone", metav1.DeletePropagationBackground)
		eventually(t, "the dependent forgets the owner that has gone", func(ctx context.Context) (bool, error) {
			shared, err := agents.Get(ctx, "shared", metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			owners := shared.GetOwnerReferences()
			return len(owners) == 1 && owners[0].Name == "stays", nil
		})
	})
	t.Run("an owner that never was", func(t *testing.T) {
		make(agents, arkVersion, "Agent", "dangling", never)
		vanishes(t, agents, "dangling")
	})
}

// TestGarbageAfterRestart: what lost its owner while no server ran is collected by the next one.
func TestGarbageAfterRestart(t *testing.T) {
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) {
		r := start(t, dir)
		configMaps := r.core.CoreV1().ConfigMaps("default")
		owner, err := configMaps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner"}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = configMaps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Name: "dependent", OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}},
		}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("between", func(t *testing.T) {
		store := openStore(t, dir)
		endpoint := etcdserver.New(store, etcdserver.Options{})
		defer endpoint.Stop()
		response, err := direct.NewClient(endpoint).KV.Delete(t.Context(), "/registry/configmaps/default/owner")
		if err != nil || response.Deleted != 1 {
			t.Fatalf("delete the owner: %v, %v", response, err)
		}
	})
	r := start(t, dir)
	vanishes(t, r.objects.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("default"), "dependent")
}

func vanishes(t *testing.T, client dynamic.ResourceInterface, name string) {
	t.Helper()
	eventually(t, name+" goes", func(ctx context.Context) (bool, error) {
		_, err := client.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
}

func eventually(t *testing.T, what string, holds wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, holds); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
