package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// auditArgs have ark-server record the metadata of every request.
func auditArgs(t *testing.T) (log string, args []string) {
	t.Helper()
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte(component.AuditPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	log = filepath.Join(dir, "audit.log")
	return log, []string{"--audit-policy-file=" + policy, "--audit-log-path=" + log}
}

type auditEvent struct {
	AuditID, Verb, UserAgent string
	User                     struct{ Username string }
	ImpersonatedUser         struct{ Username string }
	ObjectRef                struct{ APIGroup, Resource, Subresource, Namespace, Name string }
	ResponseStatus           struct{ Code int }
}

func readAudit(t *testing.T, path string, match func(auditEvent) bool) []auditEvent {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []auditEvent
	for line := range strings.Lines(string(text)) {
		var event auditEvent
		if err := json.Unmarshal([]byte(line), &event); err == nil && match(event) { // the last line may be half written
			found = append(found, event)
		}
	}
	return found
}

// C30: what both servers record of a request has one id.
func (e *env) audit(t *testing.T, log string) {
	e.run(t, "create", "namespace", "audited")
	e.apply(t, agent("watched"), "-n", "audited", "create", "-f", "-")
	refuse(t, e.kubectl, []string{"AlreadyExists"}, agent("watched"), "-n", "audited", "create", "-f", "-")
	e.run(t, "-n", "audited", "patch", "agent", "watched", "--subresource=status", "--type=merge", "-p", `{"status":{}}`)
	e.run(t, "-n", "audited", "delete", "agent", "watched")

	for _, want := range []struct {
		verb, subresource string
		code              int
	}{{"create", "", 201}, {"create", "", 409}, {"patch", "status", 200}, {"delete", "", 200}} {
		name := fmt.Sprintf("%s/%s %d", want.verb, want.subresource, want.code)
		match := func(v auditEvent) bool {
			return v.ObjectRef.Namespace == "audited" && v.ObjectRef.Resource == "agents" && v.Verb == want.verb &&
				v.ObjectRef.Subresource == want.subresource && v.ResponseStatus.Code == want.code
		}
		var ours, theirs []auditEvent
		eventually(t, name, func() error {
			if ours, theirs = readAudit(t, log, match), readAudit(t, e.cluster.AuditLog, match); len(ours) != 1 || len(theirs) != 1 {
				return fmt.Errorf("%d events here, %d at kube-apiserver", len(ours), len(theirs))
			}
			return nil
		})
		if ours[0].AuditID != theirs[0].AuditID || ours[0].AuditID == "" {
			t.Errorf("%s: audit ids %q and %q", name, ours[0].AuditID, theirs[0].AuditID)
		}
		if ours[0].User.Username != "admin" || !strings.HasPrefix(ours[0].UserAgent, "kubectl/") {
			t.Errorf("%s: %+v", name, ours[0])
		}
	}
}
