package filters

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/stack"
)

// Actor is the user that makes a request, and how. The backend stores it with each write.
type Actor struct {
	// User is the effective user of the request, after impersonation.
	User   string
	Groups []string
	// Impersonator is the user that sent the request, if it impersonates another user.
	Impersonator string
	UserAgent    string
	// FieldManager owns the fields that the request writes.
	FieldManager string
	// AuditID is the request's Audit-ID header, equal in the audit log of an
	// aggregating kube-apiserver.
	AuditID string
	// Verb is the API verb: create, update, patch, delete, deletecollection.
	Verb string
}

type actorKey struct{}

// ActorFrom returns the actor of a request's context, if there is one.
func ActorFrom(ctx context.Context) (Actor, bool) {
	actor, ok := ctx.Value(actorKey{}).(*Actor)
	if !ok {
		return Actor{}, false
	}
	return *actor, true
}

// senderKey holds *sender, which parts of the handler chain fill in: it keeps no record
// of the user before impersonation, and is built in one piece.
type senderKey struct{}

// sender is locked, because a request that has timed out is answered while the handlers
// still work on it.
type sender struct {
	mu      sync.Mutex
	user    user.Info
	traceID string
	answer  *answerStatus
}

// answered reports whether the answer has begun.
func (s *sender) answered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer != nil && s.answer.begun.Load()
}

func (s *sender) gets(answer *answerStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *sender) is(u user.Info) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user = u
}

func (s *sender) traced(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traceID = id
}

// known is who sent the request, nil if that is not known, and its trace, if it has one.
func (s *sender) known() (user.Info, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user, s.traceID
}

// withSender makes room for the sender. It goes around the whole chain.
func withSender(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), senderKey{}, &sender{})))
	})
}

// rememberSender notes whom an authenticator found.
func rememberSender(next authenticator.Request, off hooks.Off) authenticator.Request {
	grow := !off.Has(hooks.Stacks)
	return authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		if grow {
			stack.GrowForHandlers() // this is a goroutine of the timeout filter's
		}
		response, ok, err := next.AuthenticateRequest(r)
		if s, held := r.Context().Value(senderKey{}).(*sender); held && ok && response != nil {
			s.is(response.User)
		}
		return response, ok, err
	})
}

// verbOf is the verb of the API. Of paths that are no resources, such as that of tokens, the info
// has the method.
func verbOf(info *request.RequestInfo) string {
	if !info.IsResourceRequest && info.Verb == "post" {
		return "create"
	}
	return info.Verb
}

// withRequestActor puts the Actor into the context. It goes inside the chain,
// where the request has its user, its verb and its audit id.
func withRequestActor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		info, ok := request.RequestInfoFrom(ctx)
		if !ok || !writes(verbOf(info)) {
			next.ServeHTTP(w, r)
			return
		}
		actor := &Actor{
			UserAgent:    r.UserAgent(),
			FieldManager: fieldManager(r),
			AuditID:      audit.GetAuditIDTruncated(ctx),
			Verb:         verbOf(info),
		}
		if u, ok := request.UserFrom(ctx); ok {
			actor.User, actor.Groups = u.GetName(), u.GetGroups()
		}
		if s, ok := ctx.Value(senderKey{}).(*sender); ok {
			if real, _ := s.known(); real != nil && real.GetName() != actor.User {
				actor.Impersonator = real.GetName()
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, actorKey{}, actor)))
	})
}

func writes(verb string) bool {
	switch verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}

// maxFieldManager is the longest field manager that the API accepts, in bytes.
const maxFieldManager = 128

// fieldManager is the parameter of that name or, as for the object's
// managedFields, the program at the start of the user agent.
func fieldManager(r *http.Request) string {
	if name := r.URL.Query().Get("fieldManager"); name != "" {
		return name
	}
	program, _, _ := strings.Cut(r.UserAgent(), "/")
	var b strings.Builder
	for _, c := range program {
		if !unicode.IsPrint(c) {
			continue
		}
		if b.Len()+utf8.RuneLen(c) > maxFieldManager {
			break
		}
		b.WriteRune(c)
	}
	return b.String()
}
