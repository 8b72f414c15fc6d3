package standalone

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// queries creates and changes queries, and says what came of it.
type queryWriter struct {
	t *testing.T
	r *running
}

func (w queryWriter) create(name string, labels map[string]string) (*unstructured.Unstructured, error) {
	obj := &unstructured.Unstructured{Object: registrytest.Of("Query").Object("default", name)}
	obj.SetLabels(labels)
	return w.r.client(registrytest.Of("Query")).Create(w.t.Context(), obj, metav1.CreateOptions{})
}

func (w queryWriter) status(name string) error {
	_, err := w.r.client(registrytest.Of("Query")).Patch(w.t.Context(), name, types.MergePatchType, []byte(`{"status":{"phase":"running"}}`), metav1.PatchOptions{}, "status")
	return err
}

var queryRules = []admissionregistrationv1.RuleWithOperations{{
	Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
	Rule:       admissionregistrationv1.Rule{APIGroups: []string{"ark.mckinsey.com"}, APIVersions: []string{"*"}, Resources: []string{"queries", "queries/status"}},
}}

// TestPolicies: a validating and a mutating policy act on queries and on their status.
func TestPolicies(t *testing.T) {
	r := start(t, t.TempDir())
	ctx, admission := t.Context(), r.core.AdmissionregistrationV1()
	r.createNeeded(t, registrytest.Of("Query"))
	write := queryWriter{t, r}
	fail := admissionregistrationv1.Fail
	var named []admissionregistrationv1.NamedRuleWithOperations
	for _, rule := range queryRules {
		named = append(named, admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: rule})
	}
	match := &admissionregistrationv1.MatchResources{ResourceRules: named}
	_, err := admission.ValidatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "forbid"},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{FailurePolicy: &fail, MatchConstraints: match, Validations: []admissionregistrationv1.Validation{
			{Expression: `!("forbidden" in object.metadata.?labels.orValue({}))`, Message: "the policy forbids it"},
			{Expression: `object.?status.?phase.orValue("") != "running"`, Message: "nothing runs"},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = admission.ValidatingAdmissionPolicyBindings().Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "forbid"},
		Spec:       admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: "forbid", ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = admission.MutatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "annotate"},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			FailurePolicy: &fail, MatchConstraints: match, ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType:          admissionregistrationv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionregistrationv1.ApplyConfiguration{Expression: `Object{metadata: Object.metadata{annotations: {"policy": "was here"}}}`},
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = admission.MutatingAdmissionPolicyBindings().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "annotate"}, Spec: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: "annotate"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	soon(t, "both act", func() bool {
		n++
		made, err := write.create(fmt.Sprint("probe-", n), nil)
		_, denied := write.create(fmt.Sprint("denied-", n), map[string]string{"forbidden": "yes"})
		return err == nil && made.GetAnnotations()["policy"] == "was here" && apierrors.IsInvalid(denied) && strings.Contains(denied.Error(), "the policy forbids it")
	})
	if err := write.status(fmt.Sprint("probe-", n)); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "nothing runs") {
		t.Errorf("a status that is forbidden: %v", err)
	}
}

// TestWebhooks: a validating and a mutating webhook by URL act on queries and on their status.
// Without their server failurePolicy decides.
func TestWebhooks(t *testing.T) {
	r := start(t, t.TempDir())
	ctx, admission := t.Context(), r.core.AdmissionregistrationV1()
	r.createNeeded(t, registrytest.Of("Query"))
	write := queryWriter{t, r}
	hook := httptest.NewTLSServer(http.HandlerFunc(reviewQuery))
	t.Cleanup(hook.Close)
	client := func(path string) admissionregistrationv1.WebhookClientConfig {
		url := hook.URL + path
		return admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})}
	}
	none, fail, ignore := admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.Fail, admissionregistrationv1.Ignore
	validating, err := admission.ValidatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "validate"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "validate.example.com", ClientConfig: client("/validate"), Rules: queryRules, FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = admission.MutatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "mutate"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "mutate.example.com", ClientConfig: client("/mutate"), Rules: queryRules, FailurePolicy: &ignore, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	soon(t, "both act", func() bool {
		n++
		made, err := write.create(fmt.Sprint("probe-", n), nil)
		_, denied := write.create(fmt.Sprint("denied-", n), map[string]string{"refuse": "yes"})
		return err == nil && made.GetLabels()["webhook"] == "was-here" && apierrors.IsForbidden(denied) && strings.Contains(denied.Error(), "denied the request: not with me")
	})
	if err := write.status(fmt.Sprint("probe-", n)); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "nothing runs") {
		t.Errorf("a status that is refused: %v", err)
	}

	// The mutating one may fail, the other may not.
	hook.Close()
	if _, err := write.create("down", nil); !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), `failed calling webhook "validate.example.com"`) {
		t.Errorf("without the webhook's server: %v", err)
	}
	validating.Webhooks[0].FailurePolicy = &ignore
	if _, err := admission.ValidatingWebhookConfigurations().Update(ctx, validating, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	soon(t, "both may fail", func() bool {
		n++
		made, err := write.create(fmt.Sprint("down-", n), nil)
		return err == nil && made.GetLabels()["webhook"] == ""
	})
}

// reviewQuery answers at /mutate with a label, and at /validate with a refusal of the label
// "refuse" and of a running query.
func reviewQuery(w http.ResponseWriter, request *http.Request) {
	review := admissionv1.AdmissionReview{}
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	obj := unstructured.Unstructured{}
	if err := json.Unmarshal(review.Request.Object.Raw, &obj.Object); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	phase, _, _ := unstructured.NestedString(obj.Object, "status", "phase")
	response := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	deny := func(message string) {
		response.Allowed, response.Result = false, &metav1.Status{Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: message}
	}
	switch {
	case request.URL.Path == "/mutate":
		labels := obj.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels["webhook"] = "was-here"
		patch, err := json.Marshal([]any{map[string]any{"op": "add", "path": "/metadata/labels", "value": labels}})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		jsonPatch := admissionv1.PatchTypeJSONPatch
		response.Patch, response.PatchType = patch, &jsonPatch
	case obj.GetLabels()["refuse"] != "":
		deny("not with me")
	case phase == "running":
		deny("nothing runs")
	}
	review.Response, review.Request = response, nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(&review) // The caller has gone.
}

// TestPoliciesFromFiles: policies come from a folder that the file of
// --admission-control-config-file names.
func TestPoliciesFromFiles(t *testing.T) {
	dir := t.TempDir()
	manifests := filepath.Join(dir, "policies")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(manifests, "forbid.yaml"), `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: forbid.static.k8s.io
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [ark.mckinsey.com], apiVersions: ["*"], operations: [CREATE], resources: [queries]}
  validations:
  - {expression: '!("forbidden" in object.metadata.?labels.orValue({}))', message: the file forbids it}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: forbid.static.k8s.io
spec:
  policyName: forbid.static.k8s.io
  validationActions: [Deny]
`)
	config := filepath.Join(dir, "admission.yaml")
	write(config, `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ValidatingAdmissionPolicy
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ValidatingAdmissionPolicyConfiguration
    staticManifestsDir: `+manifests+`
`)
	r := start(t, dir, func(o *Options) { o.Admission.ConfigFile = config })
	r.createNeeded(t, registrytest.Of("Query"))
	writer := queryWriter{t, r}
	if _, err := writer.create("one", nil); err != nil {
		t.Errorf("what no file forbids: %v", err)
	}
	if _, err := writer.create("two", map[string]string{"forbidden": "yes"}); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "the file forbids it") {
		t.Errorf("what a file forbids: %v", err)
	}
}
