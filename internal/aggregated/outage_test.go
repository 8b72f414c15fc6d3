package aggregated

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// refusedConnection is what a client gets of a kube-apiserver that is not there, as the stock
// authenticators return it.
var refusedConnection = utilerrors.NewAggregate([]error{&url.Error{Op: "Post", URL: "https://10.0.0.1", Err: syscall.ECONNREFUSED}})

// cluster answers as it is told to.
type scriptedCluster struct {
	asked    int
	ok       bool
	decision authorizer.Decision
	err      error
}

func (c *scriptedCluster) AuthenticateRequest(*http.Request) (*authenticator.Response, bool, error) {
	c.asked++
	return &authenticator.Response{User: &user.DefaultInfo{Name: "eve"}}, c.ok, c.err
}

func (c *scriptedCluster) authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return c.decision, "", c.err
}

func TestOutageOfTokens(t *testing.T) {
	now := time.Unix(1000, 0)
	o := newOutage(time.Minute)
	o.now = func() time.Time { return now }
	cluster := &scriptedCluster{}
	known := o.authenticator(cluster)
	ask := func(token string) bool {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		_, ok, _ := known.AuthenticateRequest(r)
		return ok
	}
	want := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %t", what, got)
		}
	}
	cluster.ok = true
	want("confirmed", ask("a"), true)
	cluster.ok, cluster.err = false, refusedConnection
	want("during the outage", ask("a"), true)
	want("another's token", ask("b"), false)
	want("nobody", ask(""), false)
	asked := cluster.asked
	want("again", ask("a"), true)
	if cluster.asked != asked {
		t.Error("a silent kube-apiserver was asked at once again")
	}
	now = now.Add(59 * time.Second)
	want("before the end of the grace", ask("a"), true)
	now = now.Add(2 * time.Second)
	want("after it", ask("a"), false)

	now = now.Add(time.Minute)
	cluster.ok, cluster.err = true, nil
	want("confirmed again", ask("a"), true)
	cluster.ok = false
	want("revoked", ask("a"), false)
	cluster.err = refusedConnection
	now = now.Add(outageRest)
	want("revoked, and then an outage", ask("a"), false)

	cluster.ok, cluster.err = true, nil
	want("confirmed a third time", ask("c"), true)
	cluster.ok, cluster.err = false, errors.New("the token is malformed")
	want("refused by an error that is an answer", ask("c"), false)
	cluster.err = refusedConnection
	now = now.Add(outageRest)
	want("and then an outage", ask("c"), false)
}

func TestOutageOfPermissions(t *testing.T) {
	now := time.Unix(1000, 0)
	o := newOutage(time.Minute)
	o.now = func() time.Time { return now }
	cluster := &scriptedCluster{decision: authorizer.DecisionAllow}
	all := o.authorizer(authorizer.AuthorizerFunc(cluster.authorize))
	may := func(name, verb string) bool {
		t.Helper()
		asked := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: name}, Verb: verb, Resource: "agents", ResourceRequest: true}
		decision, _, _ := all.Authorize(t.Context(), asked)
		if aware := all.ConditionsAwareAuthorize(t.Context(), asked); aware.IsAllow() != (decision == authorizer.DecisionAllow) {
			t.Errorf("%s %s: asked for conditions the answer is another", name, verb)
		}
		return decision == authorizer.DecisionAllow
	}
	if !may("eve", "get") {
		t.Error("refused what the cluster allows")
	}
	cluster.decision, cluster.err = authorizer.DecisionNoOpinion, apierrors.NewServiceUnavailable("down")
	if !may("eve", "get") || may("eve", "delete") || may("bob", "get") {
		t.Error("during the outage others count than those that were confirmed")
	}
	now = now.Add(time.Minute)
	if may("eve", "get") {
		t.Error("an answer counts beyond the grace")
	}
	cluster.decision, cluster.err = authorizer.DecisionAllow, nil
	now = now.Add(time.Minute)
	may("eve", "get")
	cluster.decision = authorizer.DecisionNoOpinion
	if may("eve", "get") {
		t.Error("allowed what the cluster refuses")
	}
	cluster.err = refusedConnection
	now = now.Add(outageRest)
	if may("eve", "get") {
		t.Error("a right that was taken away came back with an outage")
	}
}

// A right to all objects of a resource is one question, whatever object's path a request has.
func TestQuestionsWithoutNames(t *testing.T) {
	ask := func(name, path string, resource bool) outageKey {
		key, err := question(authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "u"}, Verb: "get", Name: name, Path: path, ResourceRequest: resource})
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	if ask("any", "/queries/a", true) != ask("any", "/queries/b", true) {
		t.Error("the paths of two objects make two questions")
	}
	if ask("a", "/queries/a", true) == ask("b", "/queries/b", true) {
		t.Error("two names are one question")
	}
	if ask("", "/metrics", false) == ask("", "/debug", false) {
		t.Error("two paths are one question")
	}
}
