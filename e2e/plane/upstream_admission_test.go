package plane

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	validatingPolicyManifest = `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, spec: {validations: [{expression: "true"}], matchConstraints: {
  namespaceSelector: {matchLabels: {never: matches}}, resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}}}`
	validatingBindingManifest = `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, spec: {policyName: missing.example.com, validationActions: [Deny]}}`
	mutatingPolicyManifest    = `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicy, spec: {reinvocationPolicy: Never, mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{}"}}],
  matchConstraints: {namespaceSelector: {matchLabels: {never: matches}}, resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}}}`
	mutatingBindingManifest = `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicyBinding, spec: {policyName: missing.example.com}}`
)

// acting has an actor of TestAdmission act in the case's namespace.
func actingCase(of int) func(c *trial) {
	return func(c *trial) {
		a, hook := actors()[of], httptest.NewTLSServer(http.HandlerFunc(review))
		c.Cleanup(hook.Close)
		c.apply(c.T, a.manifest(acting{name: c.ns, namespace: c.ns, failurePolicy: "Fail", hook: hook}))
		c.writer(c.T, c.ns).acts(a)
	}
}

func validatingPolicyCases() upstreamFile {
	return upstreamFile{"apimachinery/validatingadmissionpolicy.go", []upstreamCase{
		{name: "should validate against a Deployment", stands: queryForWorkload, run: actingCase(0)},
		{name: "should allow expressions to refer variables.", stands: "a config map in place of a Deployment", run: func(c *trial) {
			c.apply(c.T, fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}, resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}
  variables:
  - {name: replicas, expression: 'int(object.data.?replicas.orValue("0"))'}
  - {name: odd, expression: variables.replicas %% 2 == 1}
  validations:
  - {expression: variables.replicas > 1}
  - {expression: variables.odd}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}`, c.ns))
			c.until("it denies what is even", func() error { return wants(c.tryConfigMap("replicas", "2"), 422, "variables.odd") })
			if err := wants(c.tryConfigMap("replicas", "1"), 422, "variables.replicas > 1"); err != nil {
				c.Error(err)
			}
			c.must("create what is odd", c.tryConfigMap("replicas", "3"))
		}},
		{name: "should support ValidatingAdmissionPolicy API operations", run: operations(validatingPolicyManifest, true)},
		{name: "should support ValidatingAdmissionPolicyBinding API operations", run: operations(validatingBindingManifest, false)},
		{name: "should type check validation expressions", stands: "a lease in place of a Deployment", run: func(c *trial) {
			lease := typePolicy{group: "coordination.k8s.io", version: "v1", resource: "leases"}
			c.typed(lease, "object.spec.leaseDurationSeconds > 1", "")
			c.typed(lease, "object.spec.leaseDurationSeconds > '1'", "'wants more than 1, got ' + object.spec.leaseDurationSeconds",
				"spec.validations[0].expression", "found no matching overload for '_>_' applied to '(int, string)'",
				"spec.validations[0].messageExpression", "found no matching overload for '_+_' applied to '(string, int)'")
		}},
		{name: "should type check a CRD", stands: arkForCustom, run: func(c *trial) {
			team := typePolicy{group: "ark.mckinsey.com", version: "v1alpha1", resource: "teams"}
			c.typed(team, "object.spec.maxTurns > 1", "")
			c.typed(team, "object.spec.maxTurns > '1'", "", "spec.validations[0].expression", "found no matching overload for '_>_' applied to '(int, string)'")
			c.typed(team, "object.spec.maxRetries < 10", "", "spec.validations[0].expression", "undefined field 'maxRetries'")
		}},
	}}
}

func mutatingPolicyCases() upstreamFile {
	return upstreamFile{"apimachinery/mutatingadmissionpolicy.go", []upstreamCase{
		{name: "should mutate a Deployment with annotations", stands: queryForWorkload, run: actingCase(1)},
		{name: "should mutate a Deployment", stands: "a config map in place of a Deployment", run: func(c *trial) {
			c.apply(c.T, fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  reinvocationPolicy: Never
  matchConstraints: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}, resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}
  mutations:
  - {patchType: ApplyConfiguration, applyConfiguration: {expression: 'Object{data: {"replicas": "1337"}}'}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s}`, c.ns))
			c.until("it mutates", func() error { return c.mutated("replicas", "1337", "other") })
		}},
		{name: "should support MutatingAdmissionPolicy API operations", run: operations(mutatingPolicyManifest, false)},
		{name: "should support MutatingAdmissionPolicyBinding API operations", run: operations(mutatingBindingManifest, false)},
	}}
}

// tryConfigMap creates a config map with data as a dry run.
func (c *trial) tryConfigMap(key, value string) error {
	_, err := c.dryConfigMap("dry", map[string]string{key: value})
	return err
}

func (c *trial) dryConfigMap(name string, data map[string]string) (map[string]string, error) {
	o := manifests(c.T, "{apiVersion: v1, kind: ConfigMap}")[0]
	o.SetName(name)
	o.SetNamespace(c.ns)
	values := map[string]any{}
	for key, value := range data {
		values[key] = value
	}
	o.Object["data"] = values
	made, err := c.of(o).Create(c.Context(), o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	for key, value := range made.Object["data"].(map[string]any) {
		got[key], _ = value.(string)
	}
	return got, nil
}

// mutated is nil if a config map with a key comes back with another one.
func (c *trial) mutated(key, value, with string) error {
	got, err := c.dryConfigMap("dry", map[string]string{with: "yes"})
	if err == nil {
		err = isTrue(got[key] == value, "the data is %v", got)
	}
	return err
}

// configMapHook answers /deny, /stage-1, /stage-2 for config maps and Queries, and /hang not at
// all.
func configMapHook(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Request struct {
			UID               string `json:"uid"`
			Object, OldObject struct {
				Metadata struct{ Labels map[string]string }
				Data     map[string]string
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response := map[string]any{"uid": body.Request.UID, "allowed": true}
	add := func(key string) {
		response["patchType"], response["patch"] = "JSONPatch", []byte(`[{"op":"add","path":"/data/`+key+`","value":"yes"}]`)
	}
	data := body.Request.Object.Data
	switch r.URL.Path {
	case "/hang":
		<-r.Context().Done()
		return
	case "/deny":
		if data["webhook-e2e-test"] == "webhook-disallow" || body.Request.Object.Metadata.Labels[refused] != "" || body.Request.OldObject.Metadata.Labels["kept"] != "" {
			response["allowed"], response["status"] = false, map[string]any{"code": 403, "reason": "Forbidden", "message": "not compliant"}
		}
	case "/stage-1":
		if data["mutation-start"] == "yes" {
			add("mutation-stage-1")
		}
	case "/stage-2":
		if data["mutation-stage-1"] == "yes" {
			add("mutation-stage-2")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}) // The caller has gone.
}

// hooks is a server for webhooks, and their configurations in the case's namespace.
type hooks struct {
	*trial
	server *httptest.Server
}

func (c *trial) hooks() hooks {
	server := httptest.NewTLSServer(http.HandlerFunc(configMapHook))
	c.Cleanup(server.Close)
	return hooks{c, server}
}

// configuration is a manifest with webhooks at paths; more is added to each.
func (h hooks) configuration(kind, name, resources, operations, more string, paths ...string) string {
	var all []string
	for _, path := range paths {
		all = append(all, fmt.Sprintf(`{name: %s.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: "%s/%s", caBundle: %s}, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}, rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: [%s], resources: [%s]}]%s}`,
			path, h.server.URL, path, authority(h.server), h.ns, operations, resources, more))
	}
	return fmt.Sprintf("{apiVersion: admissionregistration.k8s.io/v1, kind: %sWebhookConfiguration, metadata: {name: %s, labels: {set: %s}}, webhooks: [%s]}", kind, name, h.ns, strings.Join(all, ", "))
}

// denied is nil where a config map that is not compliant is refused.
func (c *trial) denied() error {
	return wants(c.tryConfigMap("webhook-e2e-test", "webhook-disallow"), 403, "not compliant")
}

func (c *trial) notDenied() error { return c.tryConfigMap("webhook-e2e-test", "webhook-disallow") }

func (c *trial) staged() error { return c.mutated("mutation-stage-1", "yes", "mutation-start") }

func (c *trial) notStaged() error { return c.mutated("mutation-stage-1", "", "mutation-start") }

const (
	validating = "Validating"
	mutating   = "Mutating"
)

// changing changes a configuration from no operation that is asked about, to creations, by an
// update and a patch.
func changing(kind, path string, does, doesNot func(c *trial) error) func(c *trial) {
	return func(c *trial) {
		h := c.hooks()
		text := h.configuration(kind, c.ns, "configmaps", "CREATE", "", path)
		c.apply(c.T, text)
		c.until("it acts", func() error { return does(c) })
		c.apply(c.T, h.configuration(kind, c.ns, "configmaps", "UPDATE", "", path))
		c.until("it does not act", func() error { return doesNot(c) })
		o := manifests(c.T, text)[0]
		_, err := c.of(o).Patch(c.Context(), c.ns, types.JSONPatchType, []byte(`[{"op":"replace","path":"/webhooks/0/rules/0/operations","value":["CREATE"]}]`), metav1.PatchOptions{})
		c.must("patch", err)
		c.until("it acts again", func() error { return does(c) })
	}
}

// listing lists ten configurations, and deletes them at once.
func listing(kind, path string, does, doesNot func(c *trial) error) func(c *trial) {
	return func(c *trial) {
		h := c.hooks()
		for i := range 10 {
			c.apply(c.T, h.configuration(kind, fmt.Sprint(c.ns, "-", i), "configmaps", "CREATE", "", path))
		}
		client, mine := c.of(manifests(c.T, h.configuration(kind, c.ns, "configmaps", "CREATE", "", path))[0]), metav1.ListOptions{LabelSelector: "set=" + c.ns}
		list, err := client.List(c.Context(), mine)
		c.want(err == nil && len(list.Items) == 10, "%v, %v", list, err)
		c.until("they act", func() error { return does(c) })
		c.must("delete all", client.DeleteCollection(c.Context(), erase, mine))
		c.until("they do not act", func() error { return doesNot(c) })
	}
}

const (
	goodCondition = `, matchConditions: [{name: exclude, expression: 'object.metadata.name != "skip-me"'}]`
	badCondition  = `, matchConditions: [{name: broken, expression: '... [] bad expression'}]`
)

// conditions makes and changes a configuration with match conditions; rejects writes one that does
// not compile.
func conditions(kind, path string) func(c *trial) {
	return func(c *trial) {
		h := c.hooks()
		c.apply(c.T, h.configuration(kind, c.ns, "configmaps", "CREATE", goodCondition, path))
		c.apply(c.T, h.configuration(kind, c.ns, "configmaps", "CREATE", strings.Replace(goodCondition, "skip-me", "skip-you", 1), path))
		o := manifests(c.T, h.configuration(kind, c.ns, "configmaps", "CREATE", "", path))[0]
		got, err := c.of(o).Get(c.Context(), c.ns, read)
		c.want(err == nil && strings.Contains(fmt.Sprint(got.Object["webhooks"]), "skip-you"), "%v, %v", got, err)
	}
}

func rejects(kind, path string) func(c *trial) {
	return func(c *trial) {
		o := manifests(c.T, c.hooks().configuration(kind, c.ns, "configmaps", "CREATE", badCondition, path))[0]
		_, err := c.of(o).Create(c.Context(), o, create)
		c.want(apierrors.IsInvalid(err) && strings.Contains(err.Error(), "compilation failed"), "%v", err)
	}
}

func webhookCases() upstreamFile {
	return upstreamFile{"apimachinery/webhook.go", append(append([]upstreamCase{
		{name: "should include webhook resources in discovery documents", run: func(c *trial) {
			for path, texts := range map[string][]string{
				"/apis":                                 {`"admissionregistration.k8s.io"`, `"admissionregistration.k8s.io/v1"`},
				"/apis/admissionregistration.k8s.io":    {`"admissionregistration.k8s.io/v1"`},
				"/apis/admissionregistration.k8s.io/v1": {`"mutatingwebhookconfigurations"`, `"validatingwebhookconfigurations"`},
			} {
				code, text, err := c.get(c.Context(), path, "application/json")
				for _, want := range texts {
					c.want(err == nil && code == http.StatusOK && strings.Contains(text, want), "%s: no %s in %d %s, %v", path, want, code, text, err)
				}
			}
		}},
		{name: "should be able to deny pod and configmap creation", stands: "config maps alone; " + urlForService, run: func(c *trial) {
			c.apply(c.T, c.hooks().configuration(validating, c.ns, "configmaps", "CREATE, UPDATE", "", "deny"))
			c.until("it denies", c.denied)
			c.configMap("compliant", nil, map[string]string{"webhook-e2e-test": "webhook-allow"})
			for kind, patch := range map[types.PatchType]string{types.MergePatchType: `{"data":{"webhook-e2e-test":"webhook-disallow"}}`, types.JSONPatchType: `[{"op":"replace","path":"/data/webhook-e2e-test","value":"webhook-disallow"}]`} {
				_, err := c.core.CoreV1().ConfigMaps(c.ns).Patch(c.Context(), "compliant", kind, []byte(patch), metav1.PatchOptions{})
				if err := wants(err, 403, "not compliant"); err != nil {
					c.Errorf("%s: %v", kind, err)
				}
			}
			// In a namespace that the selector does not match it is not asked.
			elsewhere := *c
			elsewhere.ns = c.namespace(c.T)
			c.must("create elsewhere", elsewhere.notDenied())
		}},
		{name: "should be able to deny custom resource creation, update and deletion", stands: arkForCustom + "; " + urlForService, run: func(c *trial) {
			w := c.writer(c.T, c.ns)
			c.must("create a query", w.create("kept", map[string]string{"kept": "yes"}, false))
			c.apply(c.T, c.hooks().configuration(validating, c.ns, "queries", "CREATE, UPDATE, DELETE", "", "deny"))
			c.until("it denies creation", func() error {
				return wants(w.create("dry", map[string]string{refused: "yes"}, true), 403, "not compliant")
			})
			if err := wants(w.patch("kept", `{"metadata":{"annotations":{"a":"b"}}}`), 403, "not compliant"); err != nil {
				c.Errorf("an update: %v", err)
			}
			if err := wants(c.objects.Resource(queries).Namespace(c.ns).Delete(c.Context(), "kept", erase), 403, "not compliant"); err != nil {
				c.Errorf("a deletion: %v", err)
			}
		}},
		{name: "should unconditionally reject operations on fail closed webhook", stands: urlForService, run: func(c *trial) {
			h := c.hooks()
			text := strings.Replace(h.configuration(validating, c.ns, "configmaps", "CREATE", ", failurePolicy: Fail", "deny"), ", caBundle: "+authority(h.server), "", 1)
			c.apply(c.T, text)
			c.until("it rejects", func() error { return wants(c.tryConfigMap("a", "b"), 500, "failed calling webhook") })
		}},
		{name: "should mutate configmap", stands: urlForService, run: func(c *trial) {
			c.apply(c.T, c.hooks().configuration(mutating, c.ns, "configmaps", "CREATE", "", "stage-1", "stage-2"))
			c.until("both mutate", func() error { return c.mutated("mutation-stage-2", "yes", "mutation-start") })
			c.must("the first", c.staged())
		}},
		{name: "should not be able to mutate or prevent deletion of webhook configuration objects", stands: urlForService, run: func(c *trial) {
			h := c.hooks()
			// Without a namespaceSelector, which objects without a namespace always match.
			blocking := h.configuration(validating, c.ns+"-blocking", "validatingwebhookconfigurations, mutatingwebhookconfigurations", "CREATE, UPDATE, DELETE", ", failurePolicy: Fail", "deny")
			c.apply(c.T, strings.Replace(blocking, h.server.URL, "https://127.0.0.1:1", 1)) // nobody is there
			o := manifests(c.T, h.configuration(mutating, c.ns, "configmaps", "UPDATE", "", "stage-1"))[0]
			for range 3 {
				made, err := c.of(o).Create(c.Context(), o, create)
				c.must("create a configuration", err)
				c.want(len(made.GetAnnotations()) == 0, "it was changed: %v", made)
				c.must("delete it", c.of(o).Delete(c.Context(), c.ns, erase))
			}
		}},
		{name: "should mutate custom resource", stands: arkForCustom + "; " + urlForService, run: actingCase(3)},
		{name: "should honor timeout", stands: "a webhook that never answers; " + urlForService, run: func(c *trial) {
			h := c.hooks()
			slow := func(more string) {
				c.apply(c.T, h.configuration(validating, c.ns, "configmaps", "CREATE", more, "hang"))
			}
			slow(", timeoutSeconds: 1, failurePolicy: Fail")
			c.until("it fails in time", func() error { return wants(c.tryConfigMap("a", "b"), 500, "failed calling webhook") })
			slow(", timeoutSeconds: 1, failurePolicy: Ignore")
			c.until("it is passed over in time", func() error { return c.tryConfigMap("a", "b") })
			o := manifests(c.T, h.configuration(validating, c.ns, "configmaps", "CREATE", "", "deny"))[0]
			o.SetName(c.ns + "-default")
			made, err := c.of(o).Create(c.Context(), o, create)
			c.must("create one without a timeout", err)
			c.Cleanup(func() { c.remove(o) })
			c.want(strings.Contains(fmt.Sprint(made.Object["webhooks"]), "timeoutSeconds:10"), "%v", made)
		}},
		{name: "patching/updating a validating webhook should work", stands: urlForService, run: changing(validating, "deny", (*trial).denied, (*trial).notDenied)},
		{name: "patching/updating a mutating webhook should work", stands: urlForService, run: changing(mutating, "stage-1", (*trial).staged, (*trial).notStaged)},
		{name: "listing validating webhooks should work", stands: urlForService, run: listing(validating, "deny", (*trial).denied, (*trial).notDenied)},
		{name: "listing mutating webhooks should work", stands: urlForService, run: listing(mutating, "stage-1", (*trial).staged, (*trial).notStaged)},
		{name: "should be able to create and update validating webhook configurations with match conditions", run: conditions(validating, "deny")},
		{name: "should be able to create and update mutating webhook configurations with match conditions", run: conditions(mutating, "stage-1")},
		{name: "should reject validating webhook configurations with invalid match conditions", run: rejects(validating, "deny")},
		{name: "should reject mutating webhook configurations with invalid match conditions", run: rejects(mutating, "stage-1")},
		{name: "should mutate everything except 'skip-me' configmaps", stands: urlForService, run: func(c *trial) {
			c.apply(c.T, c.hooks().configuration(mutating, c.ns, "configmaps", "CREATE", goodCondition, "stage-1"))
			c.until("it mutates", c.staged)
			skipped, err := c.dryConfigMap("skip-me", map[string]string{"mutation-start": "yes"})
			c.want(err == nil && skipped["mutation-stage-1"] == "", "%v, %v", skipped, err)
		}},
	}, left(noPods, "should be able to deny attaching pod", "should mutate pod and apply defaults after mutation", "should isolate connection pool by resolved backend IP address on pod restart")...),
		left(noOwnKinds, "should deny crd creation", "should mutate custom resource with different stored version", "should mutate custom resource with pruning")...)}
}

func definitionCases() upstreamFile {
	return upstreamFile{"apimachinery/custom_resource_definition.go", append([]upstreamCase{
		{name: "listing custom resource definition objects works", stands: "the definitions of Ark's kinds", run: func(c *trial) {
			list, err := c.core.CoreV1().RESTClient().Get().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").DoRaw(c.Context())
			c.want(err == nil && strings.Contains(string(list), `"queries.ark.mckinsey.com"`), "%.500s, %v", list, err)
		}},
		{name: "should include custom resource definition resources in discovery documents", run: func(c *trial) {
			for path, text := range map[string]string{"/apis": `"apiextensions.k8s.io/v1"`, "/apis/apiextensions.k8s.io": `"apiextensions.k8s.io/v1"`, "/apis/apiextensions.k8s.io/v1": `"customresourcedefinitions"`} {
				code, got, err := c.get(c.Context(), path, "application/json")
				c.want(err == nil && code == http.StatusOK && strings.Contains(got, text), "%s: %d %s, %v", path, code, got, err)
			}
		}},
	}, left(noOwnKinds, "creating/deleting custom resource definition objects works", "getting/updating/patching custom resource definition status sub-resource works",
		"custom resource defaulting for requests and from storage works")...)}
}
