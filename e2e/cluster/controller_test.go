package cluster

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// Ark's own controller, installed without its CRDs and webhooks, needs nothing but ark-server.
// No node runs it, so the test does what it does, as its account and with its rights: it
// elects itself, fills its caches, takes a Query through its life and keeps what it derives from
// other kinds. Who asks, by the tenant's account, finds the webhooks' rules in force.
func TestArkController(t *testing.T) {
	e := newEnv(t, component.ClusterOptions{EndpointRouting: true})
	manifest, err := os.ReadFile("testdata/ark-controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	e.apply(t, string(manifest), "apply", "-f", "-")
	if got := e.run(t, "get", "customresourcedefinitions,validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "name"); got != "" {
		t.Fatalf("there are CRDs or webhooks: %s", got)
	}
	c := &arkController{env: e, user: e.account(t, namespace, "ark-controller"), tenant: e.account(t, "tenant", "ark-api-sa")}
	c.client = newDynamic(t, c.user)
	t.Run("LeaderElection", c.leaderElection)
	t.Run("Caches", c.caches)
	t.Run("Query", c.query)
	t.Run("Kinds", c.kinds)
	t.Run("Owned", c.owned)
	t.Run("Rules", c.rules)
	t.Run("Rights", c.rights)
	t.Run("Impersonation", c.impersonation)
}

type arkController struct {
	*env
	user, tenant *rest.Config
	client       dynamic.Interface
}

// account is a client with a service account's token.
func (e *env) account(t *testing.T, namespace, name string) *rest.Config {
	t.Helper()
	return e.cluster.TokenUser(strings.TrimSpace(e.run(t, "-n", namespace, "create", "token", name, "--duration=1h")))
}

func newDynamic(t *testing.T, user *rest.Config) *dynamic.DynamicClient {
	t.Helper()
	config := rest.CopyConfig(user)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func resourceOf(k registrytest.Sample) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: k.Version, Resource: k.Plural}
}

func object(apiVersion, kind, name string, more map[string]any) *unstructured.Unstructured {
	o := map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}}
	for field, value := range more {
		o[field] = value
	}
	return &unstructured.Unstructured{Object: o}
}

func (c *arkController) leaderElection(t *testing.T) {
	leases := c.client.Resource(schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}).Namespace(namespace)
	lease, err := leases.Create(t.Context(), object("coordination.k8s.io/v1", "Lease", "ark-controller-leader", map[string]any{
		"spec": map[string]any{"holderIdentity": "test", "leaseDurationSeconds": int64(15)},
	}), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leases.Update(t.Context(), lease, metav1.UpdateOptions{}); err != nil {
		t.Error(err)
	}
}

// caches are those of the controller's manager: of all kinds, in all namespaces.
func (c *arkController) caches(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	factory := dynamicinformer.NewDynamicSharedInformerFactory(c.client, 0)
	all := []schema.GroupVersionResource{{Version: "v1", Resource: "configmaps"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "services"}}
	for _, k := range registrytest.Samples() {
		all = append(all, resourceOf(k))
	}
	for _, r := range all {
		informer := factory.ForResource(r).Informer()
		if err := informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) { t.Errorf("the cache of %s: %v", r.Resource, err) }); err != nil {
			t.Fatal(err)
		}
	}
	factory.Start(ctx.Done())
	for r, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			t.Errorf("the cache of %s is not filled", r.Resource)
		}
	}
	cancel()
	factory.Shutdown()
}

// query is one life: asked by a tenant, answered by the controller, deleted when its time is up.
func (c *arkController) query(t *testing.T) {
	queries := c.client.Resource(queriesResource).Namespace("tenant")
	asked, err := newDynamic(t, c.tenant).Resource(queriesResource).Namespace("tenant").Create(t.Context(), object("ark.mckinsey.com/v1alpha1", "Query", "asked", map[string]any{
		"spec": map[string]any{"input": "Why is the sky blue", "selector": map[string]any{"matchLabels": map[string]any{"app": "any"}}},
	}), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if kind, _, _ := unstructured.NestedString(asked.Object, "spec", "type"); kind != "user" {
		t.Errorf("without its webhook the Query has no defaults: %v", asked.Object["spec"])
	}
	asked.SetFinalizers([]string{"ark.mckinsey.com/finalizer"})
	if asked, err = queries.Update(t.Context(), asked, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	_ = unstructured.SetNestedMap(asked.Object, map[string]any{"phase": "running", "conditions": []any{map[string]any{
		"type": "Completed", "status": "False", "reason": "QueryRunning", "message": "running", "lastTransitionTime": "2026-01-01T00:00:00Z",
	}}}, "status")
	if asked, err = queries.UpdateStatus(t.Context(), asked, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	stale := asked.DeepCopy()
	_ = unstructured.SetNestedField(asked.Object, "done", "status", "phase")
	_ = unstructured.SetNestedMap(asked.Object, map[string]any{"content": "Because of scattering.", "phase": "done", "target": map[string]any{"type": "agent", "name": "any"}}, "status", "response")
	if asked, err = queries.UpdateStatus(t.Context(), asked, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := queries.UpdateStatus(t.Context(), stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("a stale status: %v, want a conflict, which the controller's queue retries", err)
	}
	// The manager's events are the cluster's own.
	events := c.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "events"}).Namespace("tenant")
	if _, err := events.Create(t.Context(), object("v1", "Event", "asked.1", map[string]any{
		"reason": "QueryExecution", "type": "Normal", "message": "done", "reportingComponent": "ark-controller",
		"involvedObject": map[string]any{"apiVersion": "ark.mckinsey.com/v1alpha1", "kind": "Query", "namespace": "tenant", "name": "asked", "uid": string(asked.GetUID())},
	}), metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
	if got := c.run(t, "-n", "tenant", "describe", "query", "asked"); !strings.Contains(got, "QueryExecution") {
		t.Errorf("kubectl describe does not show the event: %s", got)
	}
	if err := queries.Delete(t.Context(), "asked", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	asked, err = queries.Get(t.Context(), "asked", metav1.GetOptions{})
	if err != nil || asked.GetDeletionTimestamp() == nil {
		t.Fatalf("the finalizer does not hold the Query: %v, %v", asked, err)
	}
	asked.SetFinalizers(nil)
	if _, err := queries.Update(t.Context(), asked, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := queries.Get(t.Context(), "asked", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("without the finalizer: %v", err)
	}
}

// kinds writes the status of every kind that a tenant has made, but ArkConfig's, which the
// controller only reads.
func (c *arkController) kinds(t *testing.T) {
	for _, k := range registrytest.Samples() {
		if k.ClusterScoped {
			continue
		}
		tenant := newDynamic(t, c.tenant)
		for _, needed := range k.NeededObjects("tenant") {
			r := schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
			if kind := needed["kind"].(string); kind != "Secret" {
				r = resourceOf(sampleOf(kind))
			}
			if _, err := tenant.Resource(r).Namespace("tenant").Create(t.Context(), &unstructured.Unstructured{Object: needed}, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
				t.Fatal(err)
			}
		}
		name := "made-" + strings.ToLower(k.Kind)
		if _, err := tenant.Resource(resourceOf(k)).Namespace("tenant").Create(t.Context(), &unstructured.Unstructured{Object: k.Object("tenant", name)}, metav1.CreateOptions{}); err != nil {
			t.Errorf("%s by the tenant: %v", k.Kind, err)
			continue
		}
		own := c.client.Resource(resourceOf(k)).Namespace("tenant")
		if _, err := own.Patch(t.Context(), name, types.MergePatchType, fmt.Appendf(nil, `{"status":%s}`, k.Status), metav1.PatchOptions{}, "status"); err != nil {
			t.Errorf("the status of %s: %v", k.Kind, err)
		}
		if _, err := own.Get(t.Context(), name, metav1.GetOptions{}, "status"); err != nil {
			t.Errorf("read the status of %s: %v", k.Kind, err)
		}
	}
}

func sampleOf(kind string) registrytest.Sample {
	all := registrytest.Samples()
	return all[slices.IndexFunc(all, func(k registrytest.Sample) bool { return k.Kind == kind })]
}

// owned: the tools that an MCPServer brings go with it.
func (c *arkController) owned(t *testing.T) {
	servers := c.client.Resource(resourceOf(sampleOf("MCPServer"))).Namespace("tenant")
	server, err := servers.Get(t.Context(), "made-mcpserver", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	tool := &unstructured.Unstructured{Object: sampleOf("Tool").Object("tenant", "brought")}
	tool.SetLabels(map[string]string{"mcp/server": "made-mcpserver"})
	tool.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: server.GetAPIVersion(), Kind: server.GetKind(), Name: server.GetName(), UID: server.GetUID(), Controller: &yes, BlockOwnerDeletion: &yes}})
	tools := c.client.Resource(resourceOf(sampleOf("Tool"))).Namespace("tenant")
	if _, err := tools.Create(t.Context(), tool, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := servers.Delete(t.Context(), "made-mcpserver", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the tool goes with its server", func() error {
		if _, err := tools.Get(t.Context(), "brought", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("get: %v", err)
		}
		return nil
	})
	if _, err := tools.Create(t.Context(), &unstructured.Unstructured{Object: sampleOf("Tool").Object("tenant", "stray")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := tools.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		t.Error(err)
	}
}

// rules are what the chart's webhooks would have checked and filled in.
func (c *arkController) rules(t *testing.T) {
	k := c.kubectlFor(t, c.tenant)
	refuse(t, k, []string{"is invalid: spec.target.type", "Unsupported value"}, query("wrong")+"  target: {type: robot, name: any}\n", "-n", "tenant", "create", "-f", "-")
	refuse(t, k, []string{"is invalid: spec.provider"}, "apiVersion: ark.mckinsey.com/v1alpha1\nkind: Model\nmetadata: {name: wrong}\nspec: {provider: nobody, model: {value: x}, config: {}}\n", "-n", "tenant", "create", "-f", "-")
}

// rights: the chart's roles hold as they do for CRDs.
func (c *arkController) rights(t *testing.T) {
	viewer, err := c.cluster.CertUser("vera", "viewers")
	if err != nil {
		t.Fatal(err)
	}
	editor, err := c.cluster.CertUser("edda", "editors")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		who  string
		user *rest.Config
		args []string
		want string
	}{
		{"viewer", viewer, []string{"list", "queries.ark.mckinsey.com"}, "yes"}, {"viewer", viewer, []string{"create", "queries.ark.mckinsey.com"}, "no"},
		{"viewer", viewer, []string{"get", "queries.ark.mckinsey.com", "--subresource=status"}, "yes"},
		{"editor", editor, []string{"create", "queries.ark.mckinsey.com"}, "yes"}, {"editor", editor, []string{"create", "agents.ark.mckinsey.com"}, "no"},
		{"editor", editor, []string{"patch", "queries.ark.mckinsey.com", "--subresource=status"}, "no"},
		{"controller", c.user, []string{"create", "arkconfigs.ark.mckinsey.com", "--all-namespaces"}, "no"},
		{"controller", c.user, []string{"watch", "arkconfigs.ark.mckinsey.com", "--all-namespaces"}, "yes"},
		{"controller", c.user, []string{"deletecollection", "queries.ark.mckinsey.com", "--all-namespaces"}, "no"},
	} {
		answer := try(t, c.kubectlFor(t, r.user), "", append([]string{"-n", "tenant", "auth", "can-i"}, r.args...)...)
		if got := strings.TrimSpace(answer.Stdout); got != r.want {
			t.Errorf("%s can-i %v: %s, want %s (%s)", r.who, r.args, got, r.want, answer.Stderr)
		}
	}
	if r := try(t, c.kubectlFor(t, viewer), "", "-n", "tenant", "get", "queries"); r.Code != 0 {
		t.Error(r.Stderr)
	}
	refuse(t, c.kubectlFor(t, viewer), []string{`User "vera" cannot delete resource "queries"`}, "", "-n", "tenant", "delete", "query", "made-query")
	r := try(t, c.kubectlFor(t, editor), query("edited"), "-n", "tenant", "create", "-f", "-")
	if r.Code != 0 {
		t.Error(r.Stderr)
	}
	arkConfigs := c.client.Resource(resourceOf(sampleOf("ArkConfig")))
	if _, err := arkConfigs.Create(t.Context(), &unstructured.Unstructured{Object: sampleOf("ArkConfig").Object("", "mine")}, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("the controller makes an ArkConfig: %v", err)
	}
}

// impersonation is off in the chart unless rbac.impersonation.enabled is set, for some accounts or
// for all.
func (c *arkController) impersonation(t *testing.T) {
	as := rest.CopyConfig(c.user)
	as.Impersonate.UserName = "system:serviceaccount:tenant:ark-api-sa"
	list := func() error {
		_, err := newDynamic(t, as).Resource(queriesResource).Namespace("tenant").List(t.Context(), metav1.ListOptions{})
		return err
	}
	if err := list(); !apierrors.IsForbidden(err) {
		t.Errorf("without the right to impersonate: %v", err)
	}
	c.apply(t, `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ark-impersonation}, rules: [{apiGroups: [""], resources: [serviceaccounts], verbs: [impersonate], resourceNames: [ark-api-sa]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: ark-impersonation}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ark-impersonation}, subjects: [{kind: ServiceAccount, name: ark-controller, namespace: ark-system}]}
`, "apply", "-f", "-")
	eventually(t, "the right to impersonate", list)
	// It is the impersonated account whose rights count, at both servers.
	if _, err := newDynamic(t, as).Resource(queriesResource).Namespace("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("the tenant's account elsewhere: %v", err)
	}
}
