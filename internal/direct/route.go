package direct

import (
	"net/http"
	"slices"
	"strings"
)

// operational are the paths of the server itself: its probes, its metrics, and what it offers
// beside the Kubernetes API.
var operational = []string{"/healthz", "/livez", "/readyz", "/metrics", "/debug", "/v1", "/openai", "/mcp", "/a2a", "/console", "/namespaces"}

// ownPaths returns the paths that the server answers itself.
func ownPaths(groups []string) []string {
	own := slices.Clone(operational)
	for _, group := range groups {
		own = append(own, "/apis/"+group, "/openapi/v3/apis/"+group)
	}
	return own
}

// below reports whether a path is one of those given or lies below one.
func below(path string, parents []string) bool {
	return slices.ContainsFunc(parents, func(parent string) bool {
		return path == parent || strings.HasPrefix(path, parent+"/")
	})
}

// merged are the paths where the cluster's answer is completed.
var merged = []string{"/apis", "/apis/", "/openapi/v3", "/openapi/v3/"}

// describes reports whether a path is one of discovery or of OpenAPI, which every user may read.
func describes(path string) bool {
	return slices.Contains(merged, path) || path == "/openapi/v2"
}

// certified reports whether the client showed a certificate and no other credentials.
func certified(r *http.Request) bool {
	return r.TLS != nil && len(r.TLS.PeerCertificates) > 0 && r.Header.Get("Authorization") == "" && !webSocketToken(r)
}

// webSocketToken reports whether a browser sent a bearer token as a WebSocket protocol, as
// kube-apiserver accepts it.
func webSocketToken(r *http.Request) bool {
	for _, protocols := range r.Header.Values("Sec-WebSocket-Protocol") {
		for protocol := range strings.SplitSeq(protocols, ",") {
			if strings.HasPrefix(strings.TrimSpace(protocol), "base64url.bearer.authorization.k8s.io.") {
				return true
			}
		}
	}
	return false
}

// lasting reports whether an answer may take as long as the client likes: a watch, a log that is
// followed, an upgrade.
func lasting(r *http.Request) bool {
	if r.Header.Get("Upgrade") != "" {
		return true
	}
	query := r.URL.Query()
	for _, name := range []string{"watch", "follow"} {
		if value := query.Get(name); value == "true" || value == "1" {
			return true
		}
	}
	// The deprecated paths of watches, and those of upgrades over HTTP/2.
	for segment := range strings.SplitSeq(r.URL.Path, "/") {
		if slices.Contains([]string{"watch", "exec", "attach", "portforward", "proxy"}, segment) {
			return true
		}
	}
	return false
}
