package contract

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

const admissionGroup = "/apis/admissionregistration.k8s.io/v1"

// admission: what the cluster has configured acts on Ark's kinds.
func admission(t *testing.T, p place) {
	if p.kind.ClusterScoped {
		return // The hooks and policies below are held to one namespace, so that they meet no other test.
	}
	hook := httptest.NewTLSServer(http.HandlerFunc(review))
	t.Cleanup(hook.Close)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}))
	rules := []any{map[string]any{"apiGroups": []string{"ark.mckinsey.com"}, "apiVersions": []string{"*"}, "operations": []string{"CREATE", "UPDATE"}, "resources": []string{p.kind.Plural, p.kind.Plural + "/status"}}}
	here := map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": p.namespace}}
	webhook := func(kind, path string) {
		t.Helper()
		o := meta("admissionregistration.k8s.io/v1", kind, p.namespace+"-"+path)
		o["webhooks"] = []any{map[string]any{
			"name": path + ".example.com", "admissionReviewVersions": []string{"v1"}, "sideEffects": "None", "rules": rules, "namespaceSelector": here,
			"clientConfig": map[string]any{"url": hook.URL + "/" + path, "caBundle": ca},
		}}
		p.configure(t, strings.ToLower(kind)+"s", o)
	}
	webhook("MutatingWebhookConfiguration", "mutate")
	webhook("ValidatingWebhookConfiguration", "validate")
	policy := func(kind string, spec map[string]any) {
		t.Helper()
		name := p.namespace + "-" + strings.ToLower(kind[:2])
		spec["matchConstraints"] = map[string]any{"resourceRules": rules, "namespaceSelector": here}
		spec["failurePolicy"] = "Fail"
		o := meta("admissionregistration.k8s.io/v1", kind, name)
		o["spec"] = spec
		plural := strings.TrimSuffix(strings.ToLower(kind), "y") + "ies"
		p.configure(t, plural, o)
		b := meta("admissionregistration.k8s.io/v1", kind+"Binding", name)
		b["spec"] = map[string]any{"policyName": name}
		if kind == "ValidatingAdmissionPolicy" {
			b["spec"].(map[string]any)["validationActions"] = []string{"Deny"}
		}
		p.configure(t, strings.ToLower(kind)+"bindings", b)
	}
	policy("ValidatingAdmissionPolicy", map[string]any{"validations": []any{map[string]any{
		"expression": `!("forbidden" in object.metadata.?labels.orValue({}))`, "message": "the policy forbids it",
	}}})
	policy("MutatingAdmissionPolicy", map[string]any{"reinvocationPolicy": "IfNeeded", "mutations": []any{map[string]any{
		"patchType":          "ApplyConfiguration",
		"applyConfiguration": map[string]any{"expression": `Object{metadata: Object.metadata{annotations: {"policy": "was here"}}}`},
	}}})
	// They take effect a little after they are there.
	p.settled(t, "all four act", func() bool {
		o := p.post(t, p.sample("probe"), "dryRun=All")
		denied := p.post(t, p.sample("probe", func(o object) { setLabel(o, "forbidden", "yes") }), "dryRun=All")
		return o.code == 201 && o.object(t).GetAnnotations()["webhook"] == "was here" && o.object(t).GetAnnotations()["policy"] == "was here" &&
			denied.code == 422 && len(o.header.Values("Warning")) > 0
	})

	a := p.post(t, p.sample("one")).want(t, 201)
	if !slices.ContainsFunc(a.header.Values("Warning"), func(w string) bool { return strings.Contains(w, "mind the webhook") }) {
		t.Errorf("warnings %q", a.header.Values("Warning"))
	}
	if got := p.read(t, "one").GetAnnotations(); got["webhook"] != "was here" || got["policy"] != "was here" {
		t.Errorf("annotations %v", got)
	}
	p.post(t, p.sample("two", func(o object) { setLabel(o, "refuse", "yes") })).refused(t, 403, "Forbidden", "denied the request: not with me")
	p.post(t, p.sample("two", func(o object) { setLabel(o, "forbidden", "yes") })).refused(t, 422, "Invalid", "the policy forbids it")
	p.patch(t, "one", mergePatch, `{"metadata":{"labels":{"refuse":"yes"}}}`).refused(t, 403, "Forbidden", "not with me")
	p.patch(t, "one", mergePatch, `{"metadata":{"labels":{"forbidden":"yes"}}}`).refused(t, 422, "Invalid", "the policy forbids it")
	// On the status as well: an object that is forbidden already takes no status.
	a = p.patchStatus(t, "one", mergePatch, map[string]any{"status": p.kind.StatusValue()}).want(t, 200)
	if !slices.ContainsFunc(a.header.Values("Warning"), func(w string) bool { return strings.Contains(w, "mind the webhook") }) {
		t.Errorf("warnings of a status write: %q", a.header.Values("Warning"))
	}
	p.gone(t, "two")
}

// configure creates a cluster-wide object and deletes it at the test's end.
func (p place) configure(t *testing.T, plural string, o map[string]any) {
	t.Helper()
	path := admissionGroup + "/" + plural
	p.do(t, request{method: "POST", path: path, body: o}).want(t, 201)
	t.Cleanup(func() {
		name := o["metadata"].(map[string]any)["name"].(string)
		if a, err := p.try(t.Context(), request{method: "DELETE", path: path + "/" + name}); err == nil && a.code != 200 {
			t.Errorf("delete %s %s: %d", plural, name, a.code)
		}
	})
}

// review is the webhook: /mutate adds an annotation, /validate refuses the label "refuse" and
// warns.
func review(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Request struct {
			UID    string `json:"uid"`
			Object struct {
				Metadata struct {
					Labels      map[string]string
					Annotations map[string]string
				}
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	metadata := body.Request.Object.Metadata
	response := map[string]any{"uid": body.Request.UID, "allowed": true}
	switch {
	case r.URL.Path == "/mutate" && metadata.Annotations == nil:
		response["patchType"] = "JSONPatch"
		response["patch"] = []byte(`[{"op":"add","path":"/metadata/annotations","value":{"webhook":"was here"}}]`)
	case r.URL.Path == "/mutate":
		response["patchType"] = "JSONPatch"
		response["patch"] = []byte(`[{"op":"add","path":"/metadata/annotations/webhook","value":"was here"}]`)
	case metadata.Labels["refuse"] != "":
		response["allowed"] = false
		response["status"] = map[string]any{"code": 403, "reason": "Forbidden", "message": "not with me"}
	default:
		response["warnings"] = []string{"mind the webhook"}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}) // The caller has gone.
}
