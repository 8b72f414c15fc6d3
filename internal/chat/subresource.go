package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/parts"
)

// subresourcePrefix is the prefix of the paths of objects.
var subresourcePrefix = "/apis/" + v1alpha1.SchemeGroupVersion.String() + "/namespaces/"

// Subresource is the target of a path below an Ark object: proxy of an agent, a team or a model,
// with the rest of the path, or log of a query. Clients that reach only the cluster's API use these
// paths: kube-apiserver does not time out requests with these names.
type Subresource struct{ Namespace, Resource, Name, Subresource, Rest string }

// SubresourceOf splits a path; ok is false for one that this package does not serve.
func SubresourceOf(path string) (s Subresource, ok bool) {
	rest, ok := strings.CutPrefix(path, subresourcePrefix)
	if !ok {
		return s, false
	}
	parts := strings.SplitN(rest, "/", 5)
	if len(parts) < 4 || slices.Contains(parts[:4], "") {
		return s, false
	}
	s = Subresource{Namespace: parts[0], Resource: parts[1], Name: parts[2], Subresource: parts[3]}
	if len(parts) == 5 {
		s.Rest = strings.Trim(parts[4], "/")
	}
	switch s.Resource {
	case "agents", "teams", "models":
		return s, s.Subresource == "proxy"
	case "queries":
		return s, s.Subresource == "log" && s.Rest == ""
	}
	return s, false
}

// proxied are the paths that a proxy serves.
var proxied = []string{"v1/chat/completions", "v1/responses"}

// proxiedKey is the context key of the Subresource of a request through a proxy.
type proxiedKey struct{}

// rights are what a request through a proxy may do in addition to what its user may do. The filter
// chain has checked the right to create the proxy, which is the right to query its object.
func (s Subresource) rights(user string) parts.Own {
	group := []string{v1alpha1.SchemeGroupVersion.Group}
	return parts.Own{User: user, Namespace: s.Namespace, Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"get"}, APIGroups: group, Resources: []string{s.Resource}, ResourceNames: []string{s.Name}},
		{Verbs: []string{"create"}, APIGroups: group, Resources: []string{"queries"}},
	}}
}

// Proxy answers a request for a completion or a response of the object that the path names. The
// model in the body is replaced, unless it names another target.
func (s *Server) Proxy(w http.ResponseWriter, r *http.Request, at Subresource) {
	if fault := s.proxy(w, r, at); fault != nil {
		fault.write(w)
	}
}

func (s *Server) proxy(w http.ResponseWriter, r *http.Request, at Subresource) *Fault {
	if !slices.Contains(proxied, at.Rest) {
		return &Fault{Status: http.StatusNotFound, Type: typeInvalid, Code: text("unknown_url"), Message: "there is no " + at.Rest + " here: use proxy/v1/chat/completions or proxy/v1/responses"}
	}
	if fault := method(r, http.MethodPost); fault != nil {
		return fault
	}
	body, fault := readBody(r, s.options.MaxBody)
	if fault != nil {
		return fault
	}
	own := target{namespace: at.Namespace, name: at.Name}
	for _, k := range kinds {
		if k.resource == at.Resource {
			own.kind = k.kind
		}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return invalid("", "invalid_json", "the body is no JSON object")
	}
	var named string
	_ = json.Unmarshal(fields["model"], &named) // a value of another type is replaced, too
	if other, ok := parseTarget(named); ok && (other.id() != own.id() || other.namespace != "" && other.namespace != own.namespace) {
		return invalid("model", codeValue, "the path is that of %s, and model is %s: leave model out", own.id(), named)
	}
	fields["model"] = encode(own.namespace + "/" + own.id())
	inner := r.Clone(context.WithValue(r.Context(), proxiedKey{}, at))
	inner.URL.Path, inner.URL.RawPath = "/"+at.Rest, ""
	inner.Header.Del(headerNamespace)
	text := encode(fields)
	inner.Body, inner.ContentLength = http.MaxBytesReader(w, readCloser{bytes.NewReader(text)}, int64(len(text))+1), int64(len(text))
	s.ServeHTTP(w, inner)
	return nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
