package contract

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// auditLog is a file of audit events.
type auditLog struct {
	path string
	// forwards is set for a server that passes the request on: it does not look for a new object's
	// name in the body.
	forwards bool
	// behind is set for the server that answers it then: the user is the one that the first server
	// names, impersonated or not.
	behind bool
}

// audited: who did what to which object is on record, under the id by which the caller knows the
// request.
func audited(t *testing.T, p place) {
	if len(p.audits) == 0 {
		t.Fatal("no audit log is known")
	}
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
		for _, log := range p.audits {
			eventually(t, "the "+verb+" is on record", func() bool {
				e, found := log.find(t, id+"-"+verb)
				if !found {
					return false
				}
				o, namespace := e.ObjectRef, p.namespace
				if p.kind.ClusterScoped {
					namespace = ""
				}
				what := p.name(name)
				if log.forwards && verb == "create" {
					what = ""
				}
				asked, acted := e.User.Username, e.ImpersonatedUser.Username
				if log.behind {
					asked, acted = "", asked
				}
				if e.Verb != verb || asked == "" && !log.behind || acted != "alice" || e.ResponseStatus.Code != call.code ||
					o.Resource != p.kind.Plural || o.Namespace != namespace || o.Name != what || o.APIGroup != "ark.mckinsey.com" || o.APIVersion != p.kind.Version {
					t.Errorf("on record in %s: %+v", log.path, e)
				}
				return true
			})
		}
	}
}

type auditEvent struct {
	AuditID, Stage, Verb string
	User                 struct{ Username string }
	ImpersonatedUser     struct{ Username string }
	ObjectRef            struct{ Resource, Namespace, Name, APIGroup, APIVersion string }
	ResponseStatus       struct{ Code int }
}

// find looks for the event of a request that has been answered.
func (l auditLog) find(t *testing.T, id string) (auditEvent, bool) {
	t.Helper()
	text, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var e auditEvent
		if bytes.Contains(line, []byte(id)) && json.Unmarshal(line, &e) == nil && e.AuditID == id && e.Stage == "ResponseComplete" { // The last line may be half written.
			return e, true
		}
	}
	return auditEvent{}, false
}
