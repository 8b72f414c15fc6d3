package assembly

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	auditlog "k8s.io/apiserver/plugin/pkg/audit/log"

	"github.com/mckinsey/ark-server/internal/inprocess"
)

// lines is what an audit log writes to.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// event is what the test reads of an audit event.
type event struct {
	AuditID          string
	Verb, RequestURI string
	User             struct {
		Username string
		Groups   []string
	}
	ImpersonatedUser struct{ Username string }
	SourceIPs        []string
	UserAgent        string
	ResponseStatus   struct{ Code int }
}

// events are the events so far.
func (l *lines) events(t *testing.T) []event {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var events []event
	for line := range bytes.Lines(l.text.Bytes()) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// stockChain is the handler chain of a stock server around a handler, with an audit log.
func stockChain(transport *inprocess.Transport, log *lines, api http.Handler) http.Handler {
	config := genericapiserver.NewConfig(serializer.NewCodecFactory(runtime.NewScheme()))
	config.FeatureGate = utilfeature.DefaultFeatureGate
	config.RequestInfoResolver = &apirequest.RequestInfoFactory{APIPrefixes: sets.NewString("apis", "api"), GrouplessAPIPrefixes: sets.NewString("api")}
	config.Authentication.Authenticator = transport.Authenticator(anonymous.NewAuthenticator(nil))
	config.Authorization.Authorizer = authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup, "staff")
	config.AuditBackend = auditlog.NewBackend(log, auditlog.FormatJson, auditv1.SchemeGroupVersion)
	config.AuditPolicyRuleEvaluator = policy.NewPolicyRuleEvaluator(&auditinternal.Policy{
		Rules: []auditinternal.PolicyRule{{Level: auditinternal.LevelMetadata, OmitStages: []auditinternal.Stage{auditinternal.StageRequestReceived}}},
	})
	return genericapiserver.DefaultBuildHandlerChain(api, config)
}

// The audit log has a call as it has any other request: who, from this machine, with which program,
// and for whom a call was made that is made while another is served.
func TestAudit(t *testing.T) {
	transport, log := inprocess.New("ark-server/1"), &lines{}
	defer transport.Close()
	root, err := transport.As(&user.DefaultInfo{Name: "root", Groups: []string{user.SystemPrivilegedGroup}})
	if err != nil {
		t.Fatal(err)
	}
	as, err := transport.As(&user.DefaultInfo{Name: "alice", Groups: []string{"staff"}})
	if err != nil {
		t.Fatal(err)
	}
	transport.Serve(stockChain(transport, log, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/outer" {
			return
		}
		inner := newGet(t, r, "/api/v1/namespaces/inner")
		inner.Header.Set("X-Forwarded-For", "192.0.2.7")
		if _, err := as.RoundTrip(inner); err != nil {
			t.Error(err)
		}
	})))
	outer := newGet(t, nil, "/api/v1/namespaces/outer")
	outer.Header.Set("User-Agent", "robot/2")
	impersonated := newGet(t, nil, "/api/v1/namespaces/one")
	impersonated.Header.Set("Impersonate-User", "carol")
	for _, r := range []*http.Request{outer, impersonated} {
		if _, err := root.RoundTrip(r); err != nil {
			t.Fatal(err)
		}
	}
	transport.Close() // waits for the handlers, which write the log at their end
	byURI := map[string]event{}
	for _, e := range log.events(t) {
		byURI[e.RequestURI] = e
	}
	if len(byURI) != 3 {
		t.Fatalf("got %+v, want three events", byURI)
	}
	o, i, c := byURI["/api/v1/namespaces/outer"], byURI["/api/v1/namespaces/inner"], byURI["/api/v1/namespaces/one"]
	if o.User.Username != "root" || !slices.Contains(o.User.Groups, user.AllAuthenticated) || o.Verb != "get" || o.UserAgent != "robot/2" || !slices.Equal(o.SourceIPs, []string{"127.0.0.1"}) || o.ResponseStatus.Code != http.StatusOK {
		t.Errorf("the outer call: %+v", o)
	}
	if i.User.Username != "alice" || i.UserAgent != "ark-server/1" || !slices.Equal(i.SourceIPs, []string{"192.0.2.7", "127.0.0.1"}) || i.AuditID == o.AuditID {
		t.Errorf("the inner call: %+v", i)
	}
	if c.User.Username != "root" || c.ImpersonatedUser.Username != "carol" || c.ResponseStatus.Code != http.StatusForbidden {
		t.Errorf("the impersonated call: %+v", c)
	}
}

// newGet makes a request with the context of another one, or the test's.
func newGet(t *testing.T, outer *http.Request, path string) *http.Request {
	ctx := t.Context()
	if outer != nil {
		ctx = outer.Context()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, inprocess.Host+path, nil)
	if err != nil {
		t.Error(err)
	}
	return r
}

// The stock limits hold.
func TestLimits(t *testing.T) {
	transport := inprocess.New("test")
	defer transport.Close()
	config := genericapiserver.NewConfig(serializer.NewCodecFactory(runtime.NewScheme()))
	config.FeatureGate = utilfeature.DefaultFeatureGate
	config.RequestInfoResolver = &apirequest.RequestInfoFactory{APIPrefixes: sets.NewString("apis", "api"), GrouplessAPIPrefixes: sets.NewString("api")}
	config.Authentication.Authenticator = transport.Authenticator(anonymous.NewAuthenticator(nil))
	config.Authorization.Authorizer = authorizerfactory.NewPrivilegedGroups("staff")
	config.MaxRequestsInFlight = 1
	entered, release := make(chan struct{}), make(chan struct{})
	transport.Serve(genericapiserver.DefaultBuildHandlerChain(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, bounded := r.Context().Deadline(); !bounded {
			t.Error("the request has no deadline")
		}
		entered <- struct{}{}
		<-release
	}), config))
	as, err := transport.As(&user.DefaultInfo{Name: "alice", Groups: []string{"staff"}})
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan error)
	go func() {
		_, err := as.RoundTrip(newGet(t, nil, "/api/v1/namespaces/one"))
		first <- err
	}()
	<-entered
	answer, err := as.RoundTrip(newGet(t, nil, "/api/v1/namespaces/two"))
	if err != nil || answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second request at once: got %v, %v, want 429", answer, err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}
