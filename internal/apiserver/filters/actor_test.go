package filters

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
)

// chain is the part of the handler chain that the actor goes through: it
// authenticates as sender and then impersonates as.
func chain(sender, as *user.DefaultInfo, info *request.RequestInfo, api http.Handler) http.Handler {
	authn := rememberSender(authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
		return &authenticator.Response{User: sender}, true, nil
	}), hooks.Off{})
	inner := withRequestActor(api)
	return withSender(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok, err := authn.AuthenticateRequest(r); !ok || err != nil {
			panic("not authenticated")
		}
		ctx := audit.WithAuditContext(r.Context())
		audit.WithAuditID(ctx, types.UID("id-1"))
		ctx = request.WithUser(ctx, as)
		ctx = request.WithRequestInfo(ctx, info)
		inner.ServeHTTP(w, r.WithContext(ctx))
	}))
}

func TestActorOfARequest(t *testing.T) {
	alice := &user.DefaultInfo{Name: "alice", Groups: []string{"devs"}}
	bot := &user.DefaultInfo{Name: "bot"}
	write := &request.RequestInfo{IsResourceRequest: true, Verb: "patch"}
	for _, c := range []struct {
		name   string
		sender *user.DefaultInfo
		as     *user.DefaultInfo
		info   *request.RequestInfo
		target string
		agent  string
		want   *Actor
	}{
		{"a write", alice, alice, write, "/", "kubectl/v1.37.2 (linux)",
			&Actor{User: "alice", Groups: []string{"devs"}, UserAgent: "kubectl/v1.37.2 (linux)", FieldManager: "kubectl", AuditID: "id-1", Verb: "patch"}},
		{"impersonation", alice, bot, write, "/?fieldManager=helm", "x",
			&Actor{User: "bot", Impersonator: "alice", UserAgent: "x", FieldManager: "helm", AuditID: "id-1", Verb: "patch"}},
		{"a long user agent", bot, bot, write, "/", strings.Repeat("é", 100),
			&Actor{User: "bot", UserAgent: strings.Repeat("é", 100), FieldManager: strings.Repeat("é", 64), AuditID: "id-1", Verb: "patch"}},
		{"a read", alice, alice, &request.RequestInfo{IsResourceRequest: true, Verb: "list"}, "/", "x", nil},
		{"a read of no resource", alice, alice, &request.RequestInfo{Verb: "get"}, "/", "x", nil},
		{"a write of no resource", alice, alice, &request.RequestInfo{Verb: "post"}, "/", "x",
			&Actor{User: "alice", Groups: []string{"devs"}, UserAgent: "x", FieldManager: "x", AuditID: "id-1", Verb: "create"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got *Actor
			handler := chain(c.sender, c.as, c.info, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if actor, ok := ActorFrom(r.Context()); ok {
					got = &actor
				}
			}))
			r := httptest.NewRequest(http.MethodPatch, c.target, nil)
			r.Header.Set("User-Agent", c.agent)
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
