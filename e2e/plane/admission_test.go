package plane

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// The label that makes a query refused, and the phase that makes a status refused. An admission
// plugin that mutates writes marked: in an annotation of the query, and in conversationId of a
// status, because a write to the status keeps annotations as they were.
const (
	refused      = "refused"
	refusedPhase = "error"
	marked       = "marked"
)

// actor is one way to act on writes.
type actor struct {
	name     string
	mutating bool
	// manifest configures it for a namespace.
	manifest func(a acting) string
	// code is that of a refusal, and of a write when the actor cannot be asked and its failurePolicy
	// is Fail; down is what the answer then says.
	code, downCode int
	down           string
}

// acting is what an actor's manifest depends on.
type acting struct {
	// Name of the objects, and the namespace that they are for; "" for all.
	name, namespace string
	// failurePolicy is Fail or Ignore.
	failurePolicy string
	// broken actors cannot be asked: the expression of a policy fails, a webhook has no server.
	broken bool
	hook   *httptest.Server
}

func (a acting) rules() string {
	rules := `resourceRules: [{apiGroups: [ark.mckinsey.com], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [queries, queries/status]}]`
	if a.namespace == "" {
		return "{" + rules + "}"
	}
	return "{" + rules + ", namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: " + a.namespace + "}}}"
}

func validatingPolicy(a acting) string {
	validations := `
  - {expression: '!("refused" in object.metadata.?labels.orValue({}))', message: not with me}
  - {expression: 'object.?status.?phase.orValue("") != "error"', message: not with me}`
	if a.broken {
		validations = ` [{expression: 'object.metadata.annotations["absent"] == "x"'}]`
	}
	return fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  failurePolicy: %[2]s
  matchConstraints: %[3]s
  validations:%[4]s
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny]}`, a.name, a.failurePolicy, a.rules(), validations)
}

func mutatingPolicy(a acting) string {
	mutations := `
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'request.?subResource.orValue("") == "status" ? Object{status: Object.status{conversationId: "marked"}} : Object{metadata: Object.metadata{annotations: {"plane": "marked"}}}'}`
	if a.broken {
		mutations = `
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{metadata: Object.metadata{annotations: {"plane": object.metadata.annotations["absent"]}}}'}`
	}
	return fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  failurePolicy: %[2]s
  reinvocationPolicy: Never
  matchConstraints: %[3]s
  mutations:%[4]s
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s}`, a.name, a.failurePolicy, a.rules(), mutations)
}

func webhook(kind, path string) func(a acting) string {
	return func(a acting) string {
		rules := strings.TrimSuffix(strings.Replace(a.rules(), "{resourceRules:", "rules:", 1), "}")
		return fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: %[1]s
metadata: {name: %[2]s}
webhooks:
- {name: %[3]s.example.com, failurePolicy: %[4]s, sideEffects: None, admissionReviewVersions: [v1], timeoutSeconds: 30, clientConfig: {url: "%[5]s/%[3]s", caBundle: %[6]s}, %[7]s}`,
			kind, a.name, path, a.failurePolicy, a.hook.URL, authority(a.hook), rules)
	}
}

// authority is a test server's certificate as a caBundle.
func authority(hook *httptest.Server) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}))
}

func actors() []actor {
	return []actor{
		{name: "validating policy", manifest: validatingPolicy, code: 422, downCode: 422, down: "no such key"},
		{name: "mutating policy", mutating: true, manifest: mutatingPolicy, downCode: 403, down: "no such key"},
		{name: "validating webhook", manifest: webhook("ValidatingWebhookConfiguration", "validate"), code: 403, downCode: 500, down: `failed calling webhook "validate.example.com"`},
		{name: "mutating webhook", mutating: true, manifest: webhook("MutatingWebhookConfiguration", "mutate"), downCode: 500, down: `failed calling webhook "mutate.example.com"`},
	}
}

// review is the webhooks' server: /validate refuses, /mutate marks.
func review(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Request struct {
			UID         string `json:"uid"`
			SubResource string `json:"subResource"`
			Object      struct {
				Metadata struct{ Labels, Annotations map[string]string }
				Status   struct{ Phase string }
			}
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	of := body.Request.Object
	response := map[string]any{"uid": body.Request.UID, "allowed": true}
	if r.URL.Path == "/mutate" {
		response["patchType"] = "JSONPatch"
		switch {
		case body.Request.SubResource == "status":
			response["patch"] = []byte(`[{"op":"add","path":"/status/conversationId","value":"marked"}]`)
		case of.Metadata.Annotations == nil:
			response["patch"] = []byte(`[{"op":"add","path":"/metadata/annotations","value":{"plane":"marked"}}]`)
		default:
			response["patch"] = []byte(`[{"op":"add","path":"/metadata/annotations/plane","value":"marked"}]`)
		}
	} else if of.Metadata.Labels[refused] != "" || of.Status.Phase == refusedPhase {
		response["allowed"] = false
		response["status"] = map[string]any{"code": 403, "reason": "Forbidden", "message": "not with me"}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}) // The caller has gone.
}

// TestAdmission: each actor acts on queries and on their status. One that cannot be asked refuses
// with failurePolicy Fail, and is passed over with Ignore.
func TestAdmission(t *testing.T) {
	p := start(t, component.ArkOptions{})
	for _, a := range actors() {
		t.Run(strings.ReplaceAll(a.name, " ", "_"), func(t *testing.T) {
			w := p.writer(t, p.namespace(t))
			ok(t, "create the first query", w.create("first", nil, false))
			hook := httptest.NewTLSServer(http.HandlerFunc(review))
			t.Cleanup(hook.Close)
			with := acting{name: w.namespace, namespace: w.namespace, failurePolicy: "Fail", hook: hook}
			p.apply(t, a.manifest(with))
			w.acts(a)

			with.broken = true
			hook.Close()
			p.apply(t, a.manifest(with))
			soon(t, "it cannot be asked", func(context.Context) error {
				return wants(w.create("dry", nil, true), a.downCode, a.down)
			})
			if err := wants(w.create("second", nil, false), a.downCode, a.down); err != nil {
				t.Error(err)
			}
			if err := wants(w.status("first", "done"), a.downCode, a.down); err != nil {
				t.Errorf("the status: %v", err)
			}
			with.failurePolicy = "Ignore"
			p.apply(t, a.manifest(with))
			soon(t, "it is passed over", func(context.Context) error { return w.create("dry", nil, true) })
			ok(t, "create what would be refused", w.create("second", map[string]string{refused: "yes"}, false))
			ok(t, "write a status that would be refused", w.status("second", refusedPhase))
			if o := w.read("second"); o.GetAnnotations()["plane"] != "" || conversation(o) != "" || phase(o) != refusedPhase {
				t.Errorf("got %v", o)
			}
		})
	}
}

// acts holds an actor to what it does to queries and to their status.
func (w writer) acts(a actor) {
	w.t.Helper()
	if a.mutating {
		soon(w.t, "it marks", func(context.Context) error { return w.marks("dry", true) })
		ok(w.t, "create", w.marks("marked", false))
		ok(w.t, "write a status", w.status("marked", "running"))
		if o := w.read("marked"); conversation(o) != marked || phase(o) != "running" {
			w.t.Errorf("after a write to the status: %v", o)
		}
		return
	}
	soon(w.t, "it refuses", func(context.Context) error {
		return wants(w.create("dry", map[string]string{refused: "yes"}, true), a.code, "not with me")
	})
	ok(w.t, "create what is not refused", w.create("allowed", nil, false))
	if err := wants(w.create("refused", map[string]string{refused: "yes"}, false), a.code, "not with me"); err != nil {
		w.t.Errorf("create: %v", err)
	}
	if err := wants(w.patch("allowed", `{"metadata":{"labels":{"refused":"yes"}}}`), a.code, "not with me"); err != nil {
		w.t.Errorf("change: %v", err)
	}
	ok(w.t, "write a status that is not refused", w.status("allowed", "running"))
	if err := wants(w.status("allowed", refusedPhase), a.code, "not with me"); err != nil {
		w.t.Errorf("the status: %v", err)
	}
	if o := w.read("allowed"); phase(o) != "running" || o.GetLabels()[refused] != "" {
		w.t.Errorf("the refused writes left %v", o)
	}
	if _, err := w.p.objects.Resource(queries).Namespace(w.namespace).Get(w.t.Context(), "refused", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		w.t.Errorf("the refused query: %v", err)
	}
}

// TestAdmissionFromFiles: the same actors come from folders that the file of
// --admission-control-config-file names. The API neither lists nor takes them away, and a file that
// changes counts without a restart.
func TestAdmissionFromFiles(t *testing.T) {
	dir := t.TempDir()
	hook := httptest.NewTLSServer(http.HandlerFunc(review))
	t.Cleanup(hook.Close)
	config := "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n"
	files := map[string]string{}
	for i, plugin := range []struct{ name, kind string }{
		{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyConfiguration"},
		{"MutatingAdmissionPolicy", "MutatingAdmissionPolicyConfiguration"},
		{"ValidatingAdmissionWebhook", "WebhookAdmissionConfiguration"},
		{"MutatingAdmissionWebhook", "WebhookAdmissionConfiguration"},
	} {
		folder := filepath.Join(dir, plugin.name)
		ok(t, "make a folder", os.Mkdir(folder, 0o700))
		config += fmt.Sprintf("- {name: %s, configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: %s, staticManifestsDir: %s}}\n", plugin.name, plugin.kind, folder)
		a := actors()[i]
		files[a.name] = filepath.Join(folder, "plane.yaml")
		// Each for a namespace of its own, so that it is seen alone.
		with := acting{name: fmt.Sprintf("plane-%d.static.k8s.io", i), namespace: fmt.Sprintf("files-%d", i), failurePolicy: "Fail", hook: hook}
		ok(t, "write a manifest", os.WriteFile(files[a.name], []byte(a.manifest(with)), 0o600))
	}
	path := filepath.Join(dir, "admission.yaml")
	ok(t, "write the configuration", os.WriteFile(path, []byte(config), 0o600))
	p := start(t, component.ArkOptions{Args: []string{"--admission-control-config-file=" + path}})
	for i, a := range actors() {
		t.Run(strings.ReplaceAll(a.name, " ", "_"), func(t *testing.T) {
			w := p.writer(t, fmt.Sprintf("files-%d", i))
			p.run(t, "", "create", "namespace", w.namespace)
			w.acts(a)
			o := manifests(t, a.manifest(acting{name: fmt.Sprintf("plane-%d.static.k8s.io", i), namespace: w.namespace, failurePolicy: "Ignore", hook: hook}))[0]
			list, err := p.of(o).List(t.Context(), metav1.ListOptions{})
			if err != nil || len(list.Items) != 0 {
				t.Errorf("the API lists %v, %v", list, err)
			}
			// Without the suffix in their names objects and files could not be told apart.
			if _, err := p.of(o).Create(t.Context(), o, metav1.CreateOptions{}); !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
				t.Errorf("create one that is called like a file's: %v", err)
			}
		})
	}
	t.Run("a_file_changes", func(t *testing.T) {
		a, w := actors()[0], p.writer(t, "files-0")
		create := func() error { return w.create("dry", map[string]string{refused: "yes"}, true) }
		if err := wants(create(), a.code, "not with me"); err != nil {
			t.Fatal(err)
		}
		for _, namespace := range []string{"elsewhere", w.namespace} {
			written := filepath.Join(dir, "written.yaml") // A file that is written in place could be read half.
			ok(t, "write the manifest", os.WriteFile(written, []byte(a.manifest(acting{name: "plane-0.static.k8s.io", namespace: namespace, failurePolicy: "Fail"})), 0o600))
			ok(t, "put it in place", os.Rename(written, files[a.name]))
			soon(t, "the policy is for "+namespace, func(context.Context) error {
				if namespace == w.namespace {
					return wants(create(), a.code, "not with me")
				}
				return create()
			})
		}
	})
}

// writer writes queries of a namespace.
type writer struct {
	t         *testing.T
	p         *plane
	namespace string
}

func (p *plane) writer(t *testing.T, namespace string) writer { return writer{t, p, namespace} }

func (w writer) post(name string, labels map[string]string, dry bool) (*unstructured.Unstructured, error) {
	options := metav1.CreateOptions{}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return w.p.objects.Resource(queries).Namespace(w.namespace).Create(w.t.Context(), newQuery(w.namespace, name, labels), options)
}

func (w writer) create(name string, labels map[string]string, dry bool) error {
	_, err := w.post(name, labels, dry)
	return err
}

// marks creates a query that must come back with the mark.
func (w writer) marks(name string, dry bool) error {
	o, err := w.post(name, nil, dry)
	if err == nil && o.GetAnnotations()["plane"] != marked {
		err = fmt.Errorf("annotations %v", o.GetAnnotations())
	}
	return err
}

func (w writer) patch(name, patch string, subresources ...string) error {
	_, err := w.p.objects.Resource(queries).Namespace(w.namespace).Patch(w.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...)
	return err
}

func (w writer) status(name, phase string) error {
	return w.patch(name, `{"status":{"phase":"`+phase+`"}}`, "status")
}

func (w writer) read(name string) *unstructured.Unstructured {
	w.t.Helper()
	o, err := w.p.objects.Resource(queries).Namespace(w.namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	ok(w.t, "read "+name, err)
	return o
}

func phase(o *unstructured.Unstructured) string {
	text, _, _ := unstructured.NestedString(o.Object, "status", "phase")
	return text
}

func conversation(o *unstructured.Unstructured) string {
	text, _, _ := unstructured.NestedString(o.Object, "status", "conversationId")
	return text
}

// wants is nil for a refusal with a code and a text.
func wants(err error, code int, text string) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return fmt.Errorf("it succeeded, want %d", code)
	case !errors.As(err, &status):
		return err
	case int(status.Status().Code) != code || !strings.Contains(err.Error(), text):
		return fmt.Errorf("got %d: %w, want %d with %q", status.Status().Code, err, code, text)
	}
	return nil
}
