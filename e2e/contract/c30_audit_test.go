package contract

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// audited: who did what to which object is on record, under the id by which the caller knows the request.
func audited(t *testing.T, p place) {
	id := "audit-of-" + p.namespace
	for verb, call := range map[string]struct {
		r    request
		code int
	}{
		"create": {request{method: "POST", path: p.collection(), body: p.sample("one")}, 201},
		"get":    {request{method: "GET", path: p.path("none")}, 404},
	} {
		call.r.headers = map[string]string{"Audit-ID": id + "-" + verb, "Impersonate-User": "alice", "Impersonate-Group": "system:masters"}
		if a := p.do(t, call.r).want(t, call.code); a.header.Get("Audit-ID") != id+"-"+verb {
			t.Errorf("the answer's Audit-ID is %q", a.header.Get("Audit-ID"))
		}
		name := "one"
		if verb == "get" {
			name = "none"
		}
		eventually(t, "the "+verb+" is on record", func() bool {
			text, err := os.ReadFile(p.audit)
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(text) {
				var e struct {
					AuditID, Stage, Verb string
					User                 struct{ Username string }
					ImpersonatedUser     struct{ Username string }
					ObjectRef            struct{ Resource, Namespace, Name, APIGroup, APIVersion string }
					ResponseStatus       struct{ Code int }
				}
				if json.Unmarshal(line, &e) != nil || e.AuditID != id+"-"+verb || e.Stage != "ResponseComplete" {
					continue
				}
				o := e.ObjectRef
				namespace := p.namespace
				if p.kind.ClusterScoped {
					namespace = ""
				}
				if e.Verb != verb || e.User.Username == "" || e.ImpersonatedUser.Username != "alice" || e.ResponseStatus.Code != call.code ||
					o.Resource != p.kind.Plural || o.Namespace != namespace || o.Name != p.name(name) || o.APIGroup != "ark.mckinsey.com" || o.APIVersion != p.kind.Version {
					t.Errorf("on record: %s", strings.TrimSpace(string(line)))
				}
				return true
			}
			return false
		})
	}
}
