package standalone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/apis/ark/clienttypes"
)

// Every manifest that is accepted stays as it is when a Go client, which has read
// the object, writes it back: resourceVersion, generation and owners of fields
// are those of before.
func TestGoClientsChangeNothing(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.raw(t)
	createExisting(t, client)
	accepted := eachManifest(t, func(c manifestCase) bool { return len(c.Refused) == 0 && goClientsHold(c.Spec) },
		func(t *testing.T, c manifestCase, kind, path string, content map[string]any) {
			created, err := post(t, client, path, content).Raw()
			if err != nil {
				t.Fatal(err)
			}
			unchangedByGoClient(t, client, kind, path+"/"+c.Metadata["name"].(string), created)
		})
	if accepted < 80 {
		t.Errorf("only %d manifests were written back", accepted)
	}
}

// unchangedByGoClient writes an object back and compares it with what was stored.
func unchangedByGoClient(t *testing.T, client *rest.RESTClient, kind, url string, stored []byte) {
	t.Helper()
	body, err := clienttypes.RoundTrip(kind, stored)
	if err != nil {
		t.Fatal(err)
	}
	after, err := client.Put().AbsPath(url).Param("fieldManager", "go-client").SetHeader("Content-Type", "application/json").Body(body).Do(t.Context()).Raw()
	if err != nil {
		t.Fatalf("write it back: %v\n%s", err, after)
	}
	var was, is unstructured.Unstructured
	if err := errors.Join(json.Unmarshal(stored, &was.Object), json.Unmarshal(after, &is.Object)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(was.Object, is.Object) {
		t.Errorf("a Go client that wrote the object back changed it:\nsent   %s\nbefore %s\nafter  %s", body, stored, after)
	}
}

// goClientsHold reports whether Go clients can write what a manifest says: they
// leave out what is empty.
func goClientsHold(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			if field == "" && name != "input" || field == false || field == nil || !goClientsHold(field) {
				return false
			}
			switch field := field.(type) {
			case []any:
				if len(field) == 0 && name != "members" && name != "headers" && name != "edges" {
					return false
				}
			}
		}
	case []any:
		for _, item := range value {
			if !goClientsHold(item) {
				return false
			}
		}
	}
	return true
}

// A user applies 5m again and again, a controller writes 5m0s back, and neither
// changes the object, takes the field from the other, or meets a conflict.
func TestSpellingsOfADurationDoNotConflict(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.raw(t)
	createExisting(t, client)
	apply := func(t *testing.T, manager, url, manifest string) ([]byte, error) {
		return client.Patch(types.ApplyPatchType).AbsPath(url).Param("fieldManager", manager).Body([]byte(manifest)).Do(context.Background()).Raw()
	}
	for _, c := range []struct {
		kind, url, spec string
		// stored are texts that are stored.
		stored []string
	}{
		{"Query", "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries/one",
			"{input: x, target: {type: agent, name: researcher}, ttl: 5m, timeout: 90s}", []string{`"ttl":"5m0s"`, `"timeout":"1m30s"`}},
		{"Model", "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/models/one",
			"{provider: bedrock, model: {value: m}, config: {bedrock: {region: {value: r}}}, pollInterval: 1h}", []string{`"pollInterval":"1h0m0s"`}},
		{"Agent", "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents/one",
			"{tools: [{type: built-in, name: noop}, {type: mcp, name: files, approval: {timeout: 1h30m, onTimeout: reject}}]}", []string{`"timeout":"1h30m0s"`}},
		{"MCPServer", "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/mcpservers/one",
			"{address: {value: http://a}, transport: http, pollInterval: 5m}", []string{`"pollInterval":"5m"`}},
		{"A2ATask", "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/a2atasks/one",
			"{taskId: t, queryRef: {name: q}, a2aServerRef: {name: s}, agentRef: {name: a}, ttl: 24h}", []string{`"ttl":"24h"`, `"timeout":"12h"`}},
	} {
		t.Run(c.kind, func(t *testing.T) {
			version := "v1alpha1"
			manifest := fmt.Sprintf("{apiVersion: ark.mckinsey.com/%s, kind: %s, metadata: {name: one}, spec: %s}", version, c.kind, c.spec)
			first, err := apply(t, "user", c.url, manifest)
			if err != nil {
				t.Fatalf("apply: %v\n%s", err, first)
			}
			for _, text := range c.stored {
				if !strings.Contains(string(first), text) {
					t.Errorf("%s is not in %s", text, first)
				}
			}
			for range 2 {
				unchangedByGoClient(t, client, c.kind, c.url, first)
				again, err := apply(t, "user", c.url, manifest)
				if err != nil || string(again) != string(first) {
					t.Fatalf("apply again: %v\n got %s\nwant %s", err, again, first)
				}
			}
			// A second manager that applies the same owns the fields too.
			shared, err := apply(t, "other", c.url, manifest)
			if err != nil || !strings.Contains(string(shared), `"manager":"other"`) {
				t.Errorf("another manager applies the same: %v\n%s", err, shared)
			}
			// Another value is a conflict, which names the field.
			other := strings.NewReplacer("5m", "6m", "1h", "2h", "24h", "25h").Replace(c.spec)
			refused, err := apply(t, "third", c.url, strings.Replace(manifest, c.spec, other, 1))
			if !apierrors.IsConflict(err) {
				t.Errorf("another value is accepted: %v\n%s", err, refused)
			}
		})
	}
}

// A change of a duration is a change: of the generation, and of who owns it.
func TestChangedDurationIsAChange(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.raw(t)
	createExisting(t, client)
	const queries = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
	var manifest map[string]any
	if err := yaml.Unmarshal([]byte(`{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: one}, spec: {input: x, ttl: 1h, target: {type: agent, name: researcher}}}`), &manifest); err != nil {
		t.Fatal(err)
	}
	if err := post(t, client, queries, manifest).Error(); err != nil {
		t.Fatal(err)
	}
	patch := func(body string) *unstructured.Unstructured {
		t.Helper()
		text, err := client.Patch(types.MergePatchType).AbsPath(queries+"/one").Param("fieldManager", "patcher").Body([]byte(body)).Do(t.Context()).Raw()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		obj := &unstructured.Unstructured{}
		if err := obj.UnmarshalJSON(text); err != nil {
			t.Fatal(err)
		}
		return obj
	}
	owns := func(obj *unstructured.Unstructured) bool {
		for _, entry := range obj.GetManagedFields() {
			if entry.Manager == "patcher" && entry.Operation == metav1.ManagedFieldsOperationUpdate && strings.Contains(entry.FieldsV1.GetRawString(), "f:ttl") {
				return true
			}
		}
		return false
	}
	same := patch(`{"spec":{"ttl":"60m"}}`)
	if ttl, _, _ := unstructured.NestedString(same.Object, "spec", "ttl"); ttl != "1h0m0s" || same.GetGeneration() != 1 || owns(same) {
		t.Errorf("60m for 1h: ttl %s, generation %d, owned %t", ttl, same.GetGeneration(), owns(same))
	}
	changed := patch(`{"spec":{"ttl":"61m"}}`)
	if ttl, _, _ := unstructured.NestedString(changed.Object, "spec", "ttl"); ttl != "1h1m0s" || changed.GetGeneration() != 2 || !owns(changed) {
		t.Errorf("61m for 1h: ttl %s, generation %d, owned %t", ttl, changed.GetGeneration(), owns(changed))
	}
	// What is filled in is in Go's form too.
	filled := patch(`{"spec":{"ttl":null,"timeout":null}}`)
	ttl, _, _ := unstructured.NestedString(filled.Object, "spec", "ttl")
	timeout, _, _ := unstructured.NestedString(filled.Object, "spec", "timeout")
	if ttl != "720h0m0s" || timeout != "30m0s" {
		t.Errorf("filled in: ttl %s, timeout %s", ttl, timeout)
	}
}

// A user moves from kubectl apply to kubectl apply --server-side: what the first
// has applied, in its own spelling, the second may change.
func TestServerSideApplyTakesOverDurations(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.raw(t)
	createExisting(t, client)
	const queries = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
	const last = `{\"apiVersion\":\"ark.mckinsey.com/v1alpha1\",\"kind\":\"Query\",\"metadata\":{\"annotations\":{},\"name\":\"one\"},\"spec\":{\"input\":\"x\",\"target\":{\"name\":\"researcher\",\"type\":\"agent\"},\"ttl\":\"7m\"}}`
	created, err := client.Post().AbsPath(queries).Param("fieldManager", "kubectl-client-side-apply").SetHeader("Content-Type", "application/json").
		Body([]byte(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"one","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"` + last + `"}},"spec":{"input":"x","target":{"name":"researcher","type":"agent"},"ttl":"7m"}}`)).Do(t.Context()).Raw()
	if err != nil {
		t.Fatalf("%v\n%s", err, created)
	}
	applied, err := client.Patch(types.ApplyPatchType).AbsPath(queries+"/one").Param("fieldManager", "kubectl").
		Body([]byte("{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: one}, spec: {input: x, target: {type: agent, name: researcher}, ttl: 5m}}")).Do(t.Context()).Raw()
	if err != nil || !strings.Contains(string(applied), `"ttl":"5m0s"`) {
		t.Errorf("%v\n%s", err, applied)
	}
}
