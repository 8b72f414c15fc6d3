package kubectl

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, resources: [{resources: [secrets]}]}
- {level: RequestResponse, verbs: [create], resources: [{group: ark.mckinsey.com}]}
- {level: Metadata, resources: [{group: ark.mckinsey.com}]}
- {level: None}
`

// auditWebhook collects the events that it is sent.
type auditWebhook struct {
	*httptest.Server
	mu     sync.Mutex
	events map[string]auditv1.Event // by audit ID
}

func newAuditWebhook(t *testing.T) *auditWebhook {
	t.Helper()
	w := &auditWebhook{events: map[string]auditv1.Event{}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var list auditv1.EventList
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
			t.Errorf("the webhook is sent something else: %v", err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for i := range list.Items {
			w.events[string(list.Items[i].AuditID)] = list.Items[i]
		}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *auditWebhook) event(id string) (auditv1.Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.events[id]
	return e, ok
}

// TestAudit: a standalone server records what the policy says, into a file and at a webhook, with
// the token of who did it named by its ID. No text of a token and no content of a Secret is in what
// it records, or in its log.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	webhook := newAuditWebhook(t)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	policy := write("policy.yaml", auditPolicy)
	hook := write("webhook.yaml", "{apiVersion: v1, kind: Config, clusters: [{name: hook, cluster: {server: '"+webhook.URL+"'}}], contexts: [{name: hook, context: {cluster: hook, user: ''}}], current-context: hook}\n")
	record := filepath.Join(dir, "audit.log")
	c := newCluster(t, component.ArkOptions{Args: []string{
		"--audit-policy-file=" + policy, "--audit-log-path=" + record, "--audit-webhook-config-file=" + hook, "--audit-webhook-batch-max-wait=1s", "--v=4",
	}})
	made := c.own(t, "token", "create", "--user=alice")
	var tokens []struct{ ID, User string }
	if err := json.Unmarshal([]byte(c.own(t, "token", "list", "-o", "json")), &tokens); err != nil || len(tokens) != 1 {
		t.Fatalf("%v: %v", err, tokens)
	}
	c.run(t, "create", "rolebinding", "alice-edits", "--clusterrole=edit", "--user=alice")
	c.eventually(t, "yes", "auth", "can-i", "create", "agents.ark.mckinsey.com", "--as=alice")
	alice, err := component.NewKubectl(write("alice.kubeconfig", c.own(t, "kubeconfig", "--user=alice", "--ttl=0")), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	as := func(code int, args ...string) {
		t.Helper()
		if r := c.tryWith(t, alice, "", args...); r.Code != code {
			t.Fatalf("kubectl %v: exit code %d: %s%s", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	as(0, "create", "-f", file(t, "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: recorded}, spec: {prompt: a-prompt-that-is-recorded}}"))
	as(0, "create", "secret", "generic", "hidden", "--from-literal=key=hush-hush-marker")
	as(1, "create", "-f", file(t, "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: refused, namespace: kube-system}, spec: {prompt: none}}"))
	as(0, "get", "configmaps")

	find := func(match func(auditv1.Event) bool) auditv1.Event {
		t.Helper()
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			text, err := os.ReadFile(record)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				var e auditv1.Event
				if json.Unmarshal([]byte(line), &e) == nil && match(e) {
					if _, ok := webhook.event(string(e.AuditID)); ok {
						return e
					}
				}
			}
		}
		t.Fatal("it is not in the file and at the webhook")
		return auditv1.Event{}
	}
	of := func(resource, name string) func(auditv1.Event) bool {
		return func(e auditv1.Event) bool {
			return e.User.Username == "alice" && e.Verb == "create" && e.ObjectRef != nil && e.ObjectRef.Resource == resource && (e.ObjectRef.Name == name || name == "")
		}
	}
	agent := find(of("agents", "recorded"))
	if agent.Level != auditv1.LevelRequestResponse || agent.ResponseStatus == nil || agent.ResponseStatus.Code != 201 ||
		agent.RequestObject == nil || !strings.Contains(string(agent.RequestObject.Raw), "a-prompt-that-is-recorded") {
		t.Errorf("%+v", agent)
	}
	if sent, _ := webhook.event(string(agent.AuditID)); sent.RequestObject == nil || sent.User.Username != "alice" {
		t.Errorf("the webhook is sent %+v", sent)
	}
	if err := json.Unmarshal([]byte(c.own(t, "token", "list", "-o", "json")), &tokens); err != nil || len(tokens) != 2 {
		t.Fatalf("%v: %v", err, tokens)
	}
	if id := agent.User.Extra["authentication.kubernetes.io/credential-id"]; len(id) != 1 || id[0] != "ARKTOKEN="+tokens[0].ID && id[0] != "ARKTOKEN="+tokens[1].ID {
		t.Errorf("the credential is %v, of %v", id, tokens)
	}
	if secret := find(of("secrets", "hidden")); secret.Level != auditv1.LevelMetadata || secret.RequestObject != nil || secret.ResponseObject != nil {
		t.Errorf("%+v", secret)
	}
	refused := find(func(e auditv1.Event) bool { return e.ObjectRef != nil && e.ObjectRef.Namespace == "kube-system" })
	if refused.ResponseStatus == nil || refused.ResponseStatus.Code != 403 || refused.Annotations["authorization.k8s.io/decision"] != "forbid" {
		t.Errorf("%+v", refused)
	}
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range webhook.all() {
		text = append(text, e...)
	}
	for _, secret := range []string{strings.TrimSpace(made), "hush-hush-marker", "aHVzaC1odXNoLW1hcmtlcg", c.server.Config.BearerToken} {
		if strings.Contains(string(text), secret) || strings.Contains(c.server.Stderr(), secret) || strings.Contains(c.server.Stdout(), secret) {
			t.Errorf("a secret of %d bytes is recorded or logged", len(secret))
		}
	}
	if strings.Contains(string(text), `"configmaps"`) {
		t.Error("what the policy leaves out is recorded")
	}
	if err := component.RequireMode(record, 0o600); err != nil {
		t.Error(err)
	}
}

// all are the events as JSON.
func (w *auditWebhook) all() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all [][]byte
	for _, e := range w.events {
		text, err := json.Marshal(e)
		if err == nil {
			all = append(all, text)
		}
	}
	return all
}
