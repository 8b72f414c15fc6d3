package apiserver

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/storage"
)

// chain is the part of the handler chain that the actor goes through: it
// authenticates as sender and then impersonates as.
func chain(sender, as *user.DefaultInfo, info *request.RequestInfo, api http.Handler) http.Handler {
	authn := rememberSender(authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
		return &authenticator.Response{User: sender}, true, nil
	}))
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
		{"no resource", alice, alice, &request.RequestInfo{Verb: "post"}, "/", "x", nil},
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

type markKey struct{}

// recording notes the mark in the context of each write.
type recording struct {
	storage.Interface
	marks *[]any
}

func (r recording) Create(ctx context.Context, _ string, _, _ runtime.Object, _ uint64) error {
	*r.marks = append(*r.marks, ctx.Value(markKey{}))
	return nil
}

func (r recording) Delete(ctx context.Context, _ string, _ runtime.Object, _ *storage.Preconditions, _ storage.ValidateObjectFunc, _ runtime.Object, _ storage.DeleteOptions) error {
	*r.marks = append(*r.marks, ctx.Value(markKey{}))
	return nil
}

func (r recording) GuaranteedUpdate(ctx context.Context, _ string, _ runtime.Object, _ bool, _ *storage.Preconditions, _ storage.UpdateFunc, _ runtime.Object) error {
	*r.marks = append(*r.marks, ctx.Value(markKey{}))
	return nil
}

func TestActorReachesTheStorage(t *testing.T) {
	var marks []any
	annotate := func(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, markKey{}, a.User) }
	writeAll := func(s storage.Interface, ctx context.Context) {
		_ = s.Create(ctx, "", nil, nil, 0)
		_ = s.Delete(ctx, "", nil, nil, nil, nil, storage.DeleteOptions{})
		_ = s.GuaranteedUpdate(ctx, "", nil, false, nil, nil, nil)
	}
	known := context.WithValue(context.Background(), actorKey{}, &Actor{User: "alice"})
	writeAll(withActor{Interface: recording{marks: &marks}, annotate: annotate}, known)
	writeAll(withActor{Interface: recording{marks: &marks}, annotate: annotate}, context.Background())
	writeAll(withActor{Interface: recording{marks: &marks}}, known)
	want := []any{"alice", "alice", "alice", nil, nil, nil, nil, nil, nil}
	if !reflect.DeepEqual(marks, want) {
		t.Errorf("got %v, want %v", marks, want)
	}
}
