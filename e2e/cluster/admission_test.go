package cluster

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Policies and webhooks for one namespace. The validating ones look at names, the mutating ones
// leave a mark.
const policies = `
{apiVersion: v1, kind: Namespace, metadata: {name: admission}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: ark-names}, spec: {
  matchConstraints: {resourceRules: [{apiGroups: [ark.mckinsey.com], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [agents, queries, queries/status]}]},
  validations: [
    {expression: "!object.metadata.name.startsWith('policy-denied')", message: the policy denies this name},
    {expression: "!has(object.status) || !has(object.status.phase) || object.status.phase != 'error'", message: the policy denies this status}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: ark-names}, spec: {policyName: ark-names, validationActions: [Deny],
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: admission}}}}}
`

// mutatingPolicies are there from Kubernetes 1.36 on.
const mutatingPolicies = `---
{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicy, metadata: {name: ark-label}, spec: {
  matchConstraints: {resourceRules: [{apiGroups: [ark.mckinsey.com], apiVersions: ["*"], operations: [CREATE], resources: [agents]}]},
  failurePolicy: Fail, reinvocationPolicy: Never,
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{metadata: Object.metadata{labels: {\"by\": \"policy\"}}}"}}]}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicyBinding, metadata: {name: ark-label}, spec: {policyName: ark-label,
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: admission}}}}}
`

func webhooks(url, ca string) string {
	const one = `---
{apiVersion: admissionregistration.k8s.io/v1, kind: %[1]sWebhookConfiguration, metadata: {name: ark-%[2]s}, webhooks: [{name: %[2]s.example.com,
  clientConfig: {url: "%[3]s/%[2]s", caBundle: %[4]s}, sideEffects: None, admissionReviewVersions: [v1], failurePolicy: Fail,
  rules: [{apiGroups: [ark.mckinsey.com], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [agents, queries/status]}],
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: admission}}}]}
`
	return fmt.Sprintf(one, "Mutating", "mutate", url, ca) + fmt.Sprintf(one, "Validating", "validate", url, ca)
}

// hook is an admission webhook: it marks agents, warns, and denies some names and phases.
func hook(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Request struct {
			UID, SubResource, Name string
			UserInfo               struct{ Username string }
			Object                 struct {
				Status struct{ Phase string }
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response := map[string]any{"uid": review.Request.UID, "allowed": true, "warnings": []string{"the webhook saw " + review.Request.UserInfo.Username}}
	switch {
	case r.URL.Path == "/mutate" && review.Request.SubResource == "":
		patch := `[{"op":"add","path":"/metadata/annotations","value":{"by":"webhook"}}]`
		response["patchType"], response["patch"] = "JSONPatch", base64.StdEncoding.EncodeToString([]byte(patch))
	case r.URL.Path == "/validate" && (strings.HasPrefix(review.Request.Name, "hook-denied") || review.Request.Object.Status.Phase == "canceled"):
		response["allowed"] = false
		response["status"] = map[string]any{"message": "not with this webhook", "code": 403}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

// C29: what the cluster's webhooks and policies say counts for Ark objects.
func (e *env) admission(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(hook))
	defer server.Close()
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	all, marks := policies+webhooks(server.URL, ca), " webhook"
	if e.serves(t, "mutatingadmissionpolicies") {
		all, marks = all+mutatingPolicies, "policy webhook"
	} else if !strings.Contains(e.ark.Stderr(), "does not serve what the admission plugin MutatingAdmissionPolicy needs") {
		t.Errorf("the log does not tell that mutating policies are left out:\n%s", e.ark.Stderr())
	}
	e.apply(t, all, "apply", "-f", "-")
	defer e.apply(t, strings.Replace(all, "{apiVersion: v1, kind: Namespace, metadata: {name: admission}}", "", 1), "delete", "--ignore-not-found", "-f", "-")

	// Informers and policies take a moment to follow; all of them have marked or refused by the end of
	// this.
	n := 0
	eventually(t, "all of them in force", func() error {
		n++
		name := fmt.Sprintf("probe-%d", n)
		// A mutating policy first waits for the schema of what it changes, and refuses with 503
		// until then.
		if r := try(t, e.kubectl, agent(name), "-n", "admission", "create", "-f", "-"); r.Code != 0 {
			return fmt.Errorf("create: %s", r.Stderr)
		}
		mark := e.run(t, "-n", "admission", "get", "agent", name, "-o", "jsonpath={.metadata.labels.by} {.metadata.annotations.by}")
		if mark != marks {
			return fmt.Errorf("marked %q", mark)
		}
		for _, denied := range []string{"policy-denied", "hook-denied"} {
			if r := try(t, e.kubectl, agent(fmt.Sprintf("%s-%d", denied, n)), "-n", "admission", "create", "-f", "-"); r.Code == 0 {
				return fmt.Errorf("%s passed", denied)
			}
		}
		return nil
	})

	refuse(t, e.kubectl, []string{"the policy denies this name", "ValidatingAdmissionPolicy 'ark-names'"}, agent("policy-denied"), "-n", "admission", "apply", "--server-side", "-f", "-")
	refuse(t, e.kubectl, []string{`admission webhook "validate.example.com" denied the request: not with this webhook`}, agent("hook-denied"), "-n", "admission", "create", "-f", "-")
	r := try(t, e.kubectl, agent("warned"), "-n", "admission", "create", "-f", "-")
	if r.Code != 0 || !strings.Contains(r.Stderr, "Warning: the webhook saw admin") {
		t.Errorf("no warning reached the client: %s", r.Stderr)
	}

	// The status subresource is matched by rules of its own.
	e.apply(t, query("asked"), "-n", "admission", "create", "-f", "-")
	status := func(phase string) []string {
		return []string{"-n", "admission", "patch", "query", "asked", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"` + phase + `"}}`}
	}
	e.run(t, status("running")...)
	refuse(t, e.kubectl, []string{"the policy denies this status"}, "", status("error")...)
	refuse(t, e.kubectl, []string{"not with this webhook"}, "", status("canceled")...)

	// Where they do not apply, nothing happens.
	e.run(t, "create", "namespace", "not-admission")
	e.apply(t, agent("policy-denied"), "-n", "not-admission", "create", "-f", "-")
	if mark := e.run(t, "-n", "not-admission", "get", "agent", "policy-denied", "-o", "jsonpath={.metadata.labels}{.metadata.annotations}"); mark != "" {
		t.Errorf("marked elsewhere: %s", mark)
	}

	// A webhook that cannot be reached and must be (failurePolicy: Fail) stops writes, not the server.
	server.Close()
	refuse(t, e.kubectl, []string{`failed calling webhook "mutate.example.com"`}, agent("unreached"), "-n", "admission", "create", "-f", "-")
	e.apply(t, agent("unhooked"), "-n", "not-admission", "create", "-f", "-")
}

// serves says whether the cluster has a resource, in the version that is used here.
func (e *env) serves(t *testing.T, resource string) bool {
	t.Helper()
	return strings.Contains(e.run(t, "get", "--raw=/apis/admissionregistration.k8s.io/v1"), `"name":"`+resource+`"`)
}
