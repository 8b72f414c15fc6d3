package reporting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/authentication/user"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/search"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

const (
	// GroupVersion is the group and version of the resources.
	GroupVersion = "records.ark.mckinsey.com/v1alpha1"
	// Prefix is the prefix of the paths that this package serves.
	Prefix   = "/apis/" + GroupVersion + "/namespaces/"
	group    = "records.ark.mckinsey.com"
	queries  = "sqlqueries"
	searches = "searches"
	// summaries count rows without SQL: creating them needs no more permissions than a list.
	summaries = "summaries"
	kind      = "SQLQuery"
	// maxBody is the most bytes of a request.
	maxBody = 256 << 10
	// patience is how long a request waits until the model has the writes before it.
	patience = 2 * time.Second
)

// Owns reports whether this package serves a path.
func Owns(path string) bool { _, _, ok := placeOf(path); return ok }

func placeOf(path string) (namespace, resource string, ok bool) {
	rest, ok := strings.CutPrefix(path, Prefix)
	if !ok {
		return "", "", false
	}
	namespace, resource, _ = strings.Cut(rest, "/")
	return namespace, resource, namespace != "" && (resource == queries || resource == searches || resource == summaries)
}

// Server is the HTTP handler. It is safe for concurrent use.
type Server struct {
	model  *readmodel.Model // nil if there is none
	runner *sqlquery.Runner
	search *search.Searcher
	access *access.Resolver
	// reports finds the reports that requests name.
	reports Reports
}

// New returns a server on a model. If the model is nil, requests get an error that says so.
func New(model *readmodel.Model, rights *access.Resolver, reports Reports) *Server {
	s := &Server{model: model, access: rights, reports: reports}
	if model != nil {
		s.runner, s.search = sqlquery.New(model.Path()), search.New(model.Path())
	}
	return s
}

// spec is the spec of a request.
type spec struct {
	Query string `json:"query,omitempty"`
	// Report is the name of a report whose statement is run, instead of the client's own.
	Report         string         `json:"report,omitempty"`
	Parameters     map[string]any `json:"parameters,omitempty"`
	AllNamespaces  bool           `json:"allNamespaces,omitempty"`
	Limit          int            `json:"limit,omitempty"`
	TimeoutSeconds float64        `json:"timeoutSeconds,omitempty"`
}

// sqlQuery is the object that a client creates.
type sqlQuery struct {
	APIVersion string         `json:"apiVersion,omitempty"`
	Kind       string         `json:"kind,omitempty"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	Spec       spec           `json:"spec"`
	Status     *status        `json:"status,omitempty"`
}

type status struct {
	sqlquery.Answer
	freshness
	ElapsedMillis int64 `json:"elapsedMilliseconds"`
}

// freshness is the state that an answer shows: the storage at a revision, and since when there have
// been newer changes.
type freshness struct {
	ResourceVersion string `json:"resourceVersion"`
	LagMilliseconds int64  `json:"lagMilliseconds"`
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		refuse(w, err)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	namespace, resource, ok := placeOf(r.URL.Path)
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Group: group}, "")
	}
	who, ok := apirequest.UserFrom(r.Context())
	if !ok {
		return apierrors.NewUnauthorized("the caller is not known")
	}
	switch {
	case resource == searches && (r.Method == http.MethodPost || r.Method == http.MethodGet):
		return s.serveSearch(w, r, who, namespace)
	case resource == summaries && r.Method == http.MethodPost:
		return s.serveSummary(w, r, who, namespace)
	case resource == queries && r.Method == http.MethodPost:
		return s.serveSQL(w, r, who, namespace)
	}
	return apierrors.NewMethodNotSupported(schema.GroupResource{Group: group, Resource: resource}, strings.ToLower(r.Method))
}

// shown waits until the model has the writes before the request, and returns its state. With past
// it also waits for the history's versions.
func (s *Server) shown(w http.ResponseWriter, r *http.Request, past bool) (freshness, error) {
	if s.model == nil {
		return freshness{}, apierrors.NewServiceUnavailable("this server has no read model: start it with --read-model=on")
	}
	caughtUp, err := s.model.WaitFor(r.Context(), s.model.Status().Newest, patience)
	if errors.Is(err, readmodel.ErrBuilding) {
		w.Header().Set("Retry-After", "2")
		return freshness{}, apierrors.NewServiceUnavailable(err.Error() + ": try again in a moment")
	}
	if err != nil {
		return freshness{}, apierrors.NewTimeoutError(err.Error(), 1)
	}
	if past {
		caughtUp = s.model.WaitForPast(r.Context(), s.model.Status().Revision, patience) && caughtUp
	}
	if !caughtUp {
		w.Header().Add("Warning", `299 - "the read model is behind: the newest writes may be missing"`)
	}
	now := s.model.Status()
	f := freshness{ResourceVersion: strconv.FormatInt(now.Revision, 10)}
	if !now.Behind.IsZero() {
		f.LagMilliseconds = time.Since(now.Behind).Milliseconds()
	}
	return f, nil
}

func (s *Server) serveSQL(w http.ResponseWriter, r *http.Request, who user.Info, namespace string) error {
	in, err := formatOf(r.Header.Get("Accept"))
	if err != nil {
		return err
	}
	asked, err := decode(r.Body)
	if err != nil {
		return err
	}
	run := asked.Spec
	if err := s.fromReport(r.Context(), who, namespace, &run); err != nil {
		return err
	}
	return s.answer(w, r, who, namespace, run, in, func(answer *status) any {
		asked.APIVersion, asked.Kind, asked.Status = GroupVersion, kind, answer
		asked.Metadata = inNamespace(asked.Metadata, namespace)
		return asked
	})
}

func inNamespace(metadata map[string]any, namespace string) map[string]any {
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["namespace"] = namespace
	return metadata
}

// answer runs a statement on the rows that a user may list, and writes the answer; envelope returns
// the whole object of it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, who user.Info, namespace string, asked spec, in format, envelope func(*status) any) error {
	begin := time.Now()
	past := strings.Contains(strings.ToLower(asked.Query), readmodel.Revisions)
	fresh, err := s.shown(w, r, past)
	if err != nil {
		return err
	}
	rows, err := s.rows(r.Context(), who, asked.AllNamespaces, namespace, asked.Query, past)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	request := sqlquery.Request{
		Query: asked.Query, Parameters: asked.Parameters, Rows: rows, MaxRows: asked.Limit, Timeout: time.Duration(asked.TimeoutSeconds * float64(time.Second)),
	}
	if in.lines != nil {
		opened, err := s.runner.Open(r.Context(), request)
		if err != nil {
			return asStatus(err)
		}
		defer opened.Close()
		return stream(w, in.lines, opened, fresh)
	}
	answer, err := s.runner.Run(r.Context(), request)
	if err != nil {
		return asStatus(err)
	}
	whole := &status{Answer: *answer, freshness: fresh, ElapsedMillis: time.Since(begin).Milliseconds()}
	return in.whole(w, envelope(whole), whole)
}

// decode decodes a request in JSON or YAML.
func decode(body io.Reader) (*sqlQuery, error) {
	asked := &sqlQuery{}
	if err := strictly(body, kind, asked); err != nil {
		return nil, err
	}
	switch {
	case asked.Kind != "" && asked.Kind != kind || asked.APIVersion != "" && asked.APIVersion != GroupVersion:
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the request is a %s of %s, want a %s of %s", asked.Kind, asked.APIVersion, kind, GroupVersion))
	case asked.Status != nil:
		return nil, apierrors.NewBadRequest("status is the server's: leave it out")
	case asked.Spec.Query != "" && asked.Spec.Report != "":
		return nil, apierrors.NewBadRequest("spec has query and report: leave one out")
	case asked.Spec.Query == "" && asked.Spec.Report == "":
		return nil, apierrors.NewBadRequest("spec.query is missing: write one SELECT, or name a report")
	case asked.Spec.Limit < 0 || asked.Spec.Limit > sqlquery.MaxRows:
		return nil, apierrors.NewBadRequest(fmt.Sprintf("spec.limit is %d: use 1 to %d", asked.Spec.Limit, sqlquery.MaxRows))
	case asked.Spec.TimeoutSeconds < 0 || asked.Spec.TimeoutSeconds > sqlquery.MaxTime.Seconds():
		return nil, apierrors.NewBadRequest(fmt.Sprintf("spec.timeoutSeconds is %g: use up to %g", asked.Spec.TimeoutSeconds, sqlquery.MaxTime.Seconds()))
	}
	return asked, nil
}

// strictly decodes a request in JSON or YAML, and refuses unknown fields.
func strictly(body io.Reader, kind string, into any) error {
	text, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return apierrors.NewBadRequest("the request cannot be read: " + err.Error())
	}
	if len(text) > maxBody {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("a request has %d bytes at most", maxBody))
	}
	if text, err = yaml.ToJSON(text); err != nil {
		return apierrors.NewBadRequest("the request is neither JSON nor YAML: " + err.Error())
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return apierrors.NewBadRequest("the request is no " + kind + ": " + strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// asStatus converts an error of a statement to an error of the API.
func asStatus(err error) error {
	var fault *sqlquery.Error
	switch {
	case errors.As(err, &fault):
		return apierrors.NewBadRequest(fault.Error())
	case errors.Is(err, sqlquery.ErrMemory):
		return apierrors.NewRequestEntityTooLargeError(err.Error())
	case errors.Is(err, sqlquery.ErrTimeout):
		return apierrors.NewTimeoutError(err.Error(), 0)
	case errors.Is(err, sqlquery.ErrBusy):
		return apierrors.NewTooManyRequests(err.Error(), 1)
	}
	slog.Error("the read model cannot be read", "err", err)
	return apierrors.NewInternalError(errors.New("the read model cannot be read: the server's log says why"))
}
