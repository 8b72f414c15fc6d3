package stream

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
)

// Queries is the HTTP API's access to Queries.
type Queries interface {
	// Find returns the UID of a Query and whether it has ended; "" if there is none.
	Find(ctx context.Context, namespace, name string) (uid string, ended bool, err error)
	// MayRead and MayWrite check a request's rights. They answer requests that are not permitted, and
	// return false for them. A name of "" stands for all Queries of the namespace.
	MayRead(w http.ResponseWriter, r *http.Request, namespace, name string) bool
	MayWrite(w http.ResponseWriter, r *http.Request, namespace, name string) bool
}

// Handler serves Ark's HTTP API of brokers: stream/QUERY, stream/QUERY/complete and stream.
type Handler struct {
	Broker  *Broker
	Queries Queries
}

// Prefix is the prefix of the paths that name a namespace.
const Prefix = "/namespaces/"

// Place is the target of a broker's path: a namespace and the rest of the path, without surrounding
// slashes.
type Place struct{ Namespace, Rest string }

// PlaceOf splits a path /namespaces/NS/REST.
func PlaceOf(path string) (Place, bool) {
	rest, ok := strings.CutPrefix(path, Prefix)
	if !ok {
		return Place{}, false
	}
	namespace, rest, _ := strings.Cut(rest, "/")
	return Place{namespace, strings.Trim(rest, "/")}, namespace != ""
}

// PlaceOfHost takes the namespace from the name of a Service: SERVICE.NAMESPACE or
// SERVICE.NAMESPACE.svc and so on.
func PlaceOfHost(host, path string) (Place, bool) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if net.ParseIP(host) != nil || len(labels) < 2 || len(labels) > 2 && labels[2] != "svc" {
		return Place{}, false
	}
	return Place{labels[1], strings.Trim(path, "/")}, labels[1] != ""
}

// Owns reports whether the rest of a path belongs to streams.
func Owns(rest string) bool { return rest == "stream" || strings.HasPrefix(rest, "stream/") }

// Serve answers a request for a path that Owns has accepted.
func (h Handler) Serve(w http.ResponseWriter, r *http.Request, at Place) {
	name := strings.TrimPrefix(strings.TrimPrefix(at.Rest, "stream"), "/")
	name, action, _ := strings.Cut(name, "/")
	key := Key{at.Namespace, name}
	switch {
	case name == "" && r.Method == http.MethodGet && r.URL.Query().Get("watch") == "true",
		name != "" && action == "" && r.Method == http.MethodGet:
		if h.Queries.MayRead(w, r, at.Namespace, name) {
			h.read(w, r, key)
		}
	case name != "" && action == "" && r.Method == http.MethodPost:
		if h.Queries.MayWrite(w, r, at.Namespace, name) {
			h.write(w, r, key)
		}
	case name != "" && action == "complete" && r.Method == http.MethodPost:
		if h.Queries.MayWrite(w, r, at.Namespace, name) {
			h.complete(w, r, key)
		}
	case name == "" && r.Method == http.MethodGet:
		Refuse(w, http.StatusBadRequest, "BAD_REQUEST", "streams are not listed: add ?watch=true to follow them")
	case action == "" || action == "complete":
		Refuse(w, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", r.Method+" is not for this path")
	default:
		Refuse(w, http.StatusNotFound, "NOT_FOUND", "there is no such path: use stream/QUERY or stream/QUERY/complete")
	}
}

// LongRunning reports whether a request may take as long as a query.
func LongRunning(r *http.Request) bool {
	at, ok := PlaceOf(r.URL.Path)
	return ok && (Owns(at.Rest) || r.URL.Query().Get("watch") == "true")
}

// Fault is an error in the form of Ark's brokers.
type Fault struct {
	Message string `json:"message"`
	Type    string `json:"type,omitempty"`
	Code    string `json:"code"`
}

// Refuse answers a request with an error.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	Answer(w, status, map[string]Fault{"error": {Message: message, Code: code}})
}

// Answer answers a request with JSON.
func Answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
