package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const (
	// Path is the path of the console. Its pages are below.
	Path = "/console"
	// SessionPath is the path at which browsers sign in (POST) and out (DELETE), and read their user
	// (GET).
	SessionPath = Path + "/session"
	// HeaderProof carries the proof of a session.
	HeaderProof = "X-Ark-Console"
)

// Options configure a console.
type Options struct {
	// Secrets returns the secrets with which sessions are sealed, at least one: the first seals, and
	// all of them open. Replicas with the same secrets accept each other's sessions. Each secret has
	// 16 bytes of entropy or more.
	Secrets func() ([][]byte, error)
	// Names reports whether a DNS name in lower case is one at which browsers reach the server. IP
	// addresses and localhost are always accepted: a page of another site cannot come from them.
	Names func(name string) bool
	// Issuer is an issuer at which users can also sign in; nil for none.
	Issuer *Issuer
	// Ended stores the sessions that were signed out.
	Ended Ended
	// Now returns the current time.
	Now func() time.Time
}

// Console serves the console. It is safe for concurrent use.
type Console struct {
	options Options
	assets  assets
	wrong   limit
	issuer  *issuing
}

// New returns a console.
func New(o Options) (*Console, error) {
	built, err := readAssets()
	if err != nil {
		return nil, err
	}
	c := &Console{options: o, assets: built, wrong: limit{now: o.Now}}
	if o.Issuer != nil {
		c.issuer = &issuing{Issuer: *o.Issuer, now: o.Now}
	}
	return c, nil
}

// Around returns a handler that answers the console's requests, and passes all others to next.
// Requests of sessions are passed with a bearer token.
func (c *Console) Around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == SessionPath:
			c.session(w, r, next)
		case r.URL.Path == IssuerPath:
			c.serveIssuer(w, r)
		case r.URL.Path == Path || strings.HasPrefix(r.URL.Path, Path+"/"):
			if !c.atHome(r) {
				c.refuse(w, http.StatusMisdirectedRequest, "the console is not served at the name "+quoted(r.Host)+": add it to --console-hosts, or use another name of the server")
				return
			}
			c.assets.serve(w, r)
		default:
			c.pass(w, r, next)
		}
	})
}

// status is the part of a metav1.Status that clients read.
type status struct {
	Kind       string         `json:"kind"`
	APIVersion string         `json:"apiVersion"`
	Metadata   map[string]any `json:"metadata"`
	Status     string         `json:"status"`
	Message    string         `json:"message"`
	Reason     string         `json:"reason"`
	Code       int            `json:"code"`
}

var reasons = map[int]string{
	http.StatusBadRequest:            "BadRequest",
	http.StatusUnauthorized:          "Unauthorized",
	http.StatusForbidden:             "Forbidden",
	http.StatusMethodNotAllowed:      "MethodNotAllowed",
	http.StatusRequestEntityTooLarge: "RequestEntityTooLarge",
	http.StatusUnsupportedMediaType:  "UnsupportedMediaType",
	http.StatusTooManyRequests:       "TooManyRequests",
	http.StatusServiceUnavailable:    "ServiceUnavailable",
}

// refuse answers with a Status, as the API does.
func (*Console) refuse(w http.ResponseWriter, code int, message string) {
	answer(w, code, status{"Status", "v1", map[string]any{}, "Failure", message, reasons[code], code})
}

func answer(w http.ResponseWriter, code int, value any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value) // the client may be gone
}
