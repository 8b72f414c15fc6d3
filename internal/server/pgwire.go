package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/pgwire"
	"github.com/mckinsey/ark-server/internal/reporting"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

// withPG is an API server that also serves PostgreSQL's protocol.
type withPG struct {
	api
	wire     *pgwire.Server
	listener net.Listener
}

// withPostgres adds a listener to an API server, and destroys the server if that fails.
func withPostgres(to api, address string, s *Server) (_ api, err error) {
	p := &withPG{api: to}
	defer func() {
		if err != nil {
			to.generic().Destroy()
			err = errors.Join(err, p.close())
		}
	}()
	views := sqlquery.Views()
	options := pgwire.Options{Backend: sqlBackend{to.generic().Handler}, Certificate: certificateOf(to.generic()), Log: slog.Default()}
	for _, name := range slices.Sorted(maps.Keys(views)) {
		view := pgwire.View{Name: name}
		for _, column := range views[name] {
			view.Columns = append(view.Columns, pgwire.Column{Name: column.Name, Type: string(column.Type)})
		}
		options.Views = append(options.Views, view)
	}
	if p.wire, err = pgwire.New(options); err != nil {
		return nil, err
	}
	if p.listener, err = net.Listen("tcp", address); err != nil {
		return nil, about(SettingPGAddress, err)
	}
	s.PGAddress = p.listener.Addr().String()
	return p, nil
}

// certificateOf returns a function that returns the HTTPS port's current certificate.
func certificateOf(to *genericapiserver.GenericAPIServer) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	serving := to.SecureServingInfo
	if serving == nil || serving.Cert == nil {
		return nil
	}
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.X509KeyPair(serving.Cert.CurrentCertKeyContent())
		return &pair, err
	}
}

// Run serves until the context ends.
func (p *withPG) Run(ctx context.Context) error {
	var running errgroup.Group
	background, stop := context.WithCancel(ctx)
	running.Go(func() error { return p.wire.Serve(p.listener) })
	running.Go(func() error { <-background.Done(); return p.wire.Close() })
	err := p.api.Run(ctx)
	stop()
	return errors.Join(err, running.Wait())
}

func (p *withPG) close() error {
	var errs []error
	if closer, ok := p.api.(interface{ close() error }); ok {
		errs = append(errs, closer.close())
	}
	if p.listener != nil {
		errs = append(errs, p.listener.Close())
	}
	if p.wire != nil {
		errs = append(errs, p.wire.Close())
	}
	return errors.Join(errs...)
}

// sqlBackend runs statements as requests for sqlqueries, so that the API's authentication,
// authorization, audit and limits apply.
type sqlBackend struct{ handler http.Handler }

// Run implements pgwire.Backend.
func (b sqlBackend) Run(ctx context.Context, token, database, statement string, parameters map[string]any) (*pgwire.Answer, error) {
	namespace, all := database, database == "all"
	if all {
		namespace = metav1.NamespaceDefault
	}
	if namespace == "" || strings.ContainsAny(namespace, "/?#%\\") {
		return nil, &pgwire.Fault{Code: "3D000", Message: fmt.Sprintf("database %q does not exist: use a namespace, or all", database)}
	}
	spec := map[string]any{"query": statement, "allNamespaces": all, "limit": sqlquery.MaxRows, "timeoutSeconds": sqlquery.MaxTime.Seconds()}
	if len(parameters) > 0 {
		spec["parameters"] = parameters
	}
	body, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return nil, &pgwire.Fault{Code: "22021", Message: "a parameter cannot be sent on"}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, reporting.Prefix+url.PathEscape(namespace)+"/sqlqueries", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.RequestURI, r.RemoteAddr, r.Host = r.URL.RequestURI(), "127.0.0.1:0", "localhost"
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "ark-server/pgwire")
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	b.handler.ServeHTTP(w, r)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if w.status != http.StatusCreated {
		return nil, faultOf(w)
	}
	var got struct {
		Status struct {
			Columns   []sqlquery.Column
			Rows      [][]any
			Truncated bool
		}
	}
	d := json.NewDecoder(&w.body)
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	answer := &pgwire.Answer{Rows: got.Status.Rows, Truncated: got.Status.Truncated}
	for _, column := range got.Status.Columns {
		answer.Columns = append(answer.Columns, pgwire.Column(column))
	}
	return answer, nil
}

// faultOf returns the error for a PostgreSQL client from a refused request.
func faultOf(w *recorder) error {
	var status metav1.Status
	if json.Unmarshal(w.body.Bytes(), &status) != nil || status.Message == "" {
		status.Message = http.StatusText(w.status)
	}
	code := map[int]string{
		http.StatusUnauthorized: "28P01", http.StatusForbidden: "42501", http.StatusGatewayTimeout: "57014", http.StatusTooManyRequests: "53400",
		http.StatusServiceUnavailable: "57P03", http.StatusBadRequest: "42601", http.StatusRequestEntityTooLarge: "54000",
	}[w.status]
	switch {
	case w.status == http.StatusUnauthorized:
		status.Message = "the password is no valid token: make one with `ark-server token create`"
	case w.status == http.StatusBadRequest && strings.Contains(status.Message, "no such table"):
		code = "42P01"
	case w.status == http.StatusBadRequest && strings.Contains(status.Message, "no such column"):
		code = "42703"
	case w.status == http.StatusBadRequest && strings.Contains(status.Message, "not allowed"):
		code = "42501"
	case code == "":
		code = "XX000"
	}
	return &pgwire.Fault{Code: code, Message: status.Message}
}

// recorder is an http.ResponseWriter that buffers the response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recorder) Flush()                      {}
