package direct

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxDocument bounds a document of discovery or of OpenAPI's index, in bytes.
const maxDocument = 32 << 20

// retryDetails ask a client to try again.
func retryDetails() *metav1.StatusDetails {
	return &metav1.StatusDetails{RetryAfterSeconds: retrySeconds}
}

// complete answers with the cluster's list of groups or of OpenAPI documents, and the server's own
// in it. The cluster has them already where the APIServices are registered, and available.
func (h *Handler) complete(w http.ResponseWriter, r *http.Request, forward, next http.Handler) {
	cluster := &recorder{header: http.Header{}}
	h.forward(cluster, withoutConditions(r), forward)
	if cluster.code != http.StatusOK || !cluster.isJSON() {
		cluster.copyTo(w)
		return
	}
	document, missing, err := h.lacks(cluster)
	if err != nil {
		h.refuse(w, r, apierrors.NewInternalError(fmt.Errorf("read the cluster's %s: %w", r.URL.Path, err)))
		return
	}
	if !missing {
		cluster.copyTo(w)
		return
	}
	own := &recorder{header: http.Header{}}
	next.ServeHTTP(own, withoutConditions(r))
	if own.code != http.StatusOK {
		own.copyTo(w)
		return
	}
	if err := h.add(document, own); err != nil {
		h.refuse(w, r, apierrors.NewInternalError(fmt.Errorf("add the server's own groups to the cluster's %s: %w", r.URL.Path, err)))
		return
	}
	body, err := json.Marshal(document)
	if err != nil {
		h.refuse(w, r, apierrors.NewInternalError(err))
		return
	}
	cluster.body = *bytes.NewBuffer(body)
	cluster.header.Del("ETag") // it names the cluster's document
	cluster.copyTo(w)
}

// withoutConditions returns a request for a whole document that can be read: not compressed, and
// whatever the client has of it.
func withoutConditions(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Del("Accept-Encoding")
	r.Header.Del("If-None-Match")
	r.Header.Del("If-Modified-Since")
	return r
}

// lists are where a document has its groups: an APIGroupList, and an APIGroupDiscoveryList.
var lists = []string{"groups", "items"}

// lacks reads a document, and reports whether one of the server's groups is missing in it.
func (h *Handler) lacks(answer *recorder) (map[string]any, bool, error) {
	document, err := answer.decode()
	if err != nil {
		return nil, false, err
	}
	for _, group := range h.groups {
		if !contains(document, group) {
			return document, true, nil
		}
	}
	return document, false, nil
}

func contains(document map[string]any, group string) bool {
	if paths, ok := document["paths"].(map[string]any); ok {
		for path := range paths {
			if path == "apis/"+group || strings.HasPrefix(path, "apis/"+group+"/") {
				return true
			}
		}
		return false
	}
	for _, list := range lists {
		entries, _ := document[list].([]any)
		for _, entry := range entries {
			if nameOf(entry) == group {
				return true
			}
		}
	}
	return false
}

// nameOf returns the group that an entry of either list is about.
func nameOf(entry any) string {
	fields, _ := entry.(map[string]any)
	if name, ok := fields["name"].(string); ok {
		return name
	}
	meta, _ := fields["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	return name
}

// add puts the server's groups into the cluster's document where they are missing.
func (h *Handler) add(document map[string]any, own *recorder) error {
	mine, err := own.decode()
	if err != nil {
		return err
	}
	if paths, ok := document["paths"].(map[string]any); ok {
		ownPaths, _ := mine["paths"].(map[string]any)
		for _, group := range h.groups {
			for path, at := range ownPaths {
				if _, there := paths[path]; !there && (path == "apis/"+group || strings.HasPrefix(path, "apis/"+group+"/")) {
					paths[path] = at
				}
			}
		}
		return nil
	}
	for _, list := range lists {
		theirs, ok := document[list].([]any)
		if !ok {
			continue
		}
		entries, _ := mine[list].([]any)
		for _, group := range h.groups {
			for _, entry := range entries {
				if nameOf(entry) == group && !contains(document, group) {
					theirs = append(theirs, entry)
				}
			}
		}
		document[list] = theirs
		return nil
	}
	return errors.New("it is no list of groups")
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *recorder) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *recorder) WriteHeader(code int) {
	if a.code == 0 && code >= http.StatusOK {
		a.code = code
	}
}

// Write implements http.ResponseWriter.
func (a *recorder) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.body.Len()+len(p) > maxDocument {
		return 0, fmt.Errorf("the document has more than %d bytes", maxDocument)
	}
	return a.body.Write(p)
}

// Flush implements http.Flusher.
func (a *recorder) Flush() {}

// isJSON reports whether the answer may be read as JSON. OpenAPI's index comes without a type of
// its own from some releases.
func (a *recorder) isJSON() bool {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	return err == nil && (kind == "application/json" || kind == "text/plain")
}

func (a *recorder) decode() (map[string]any, error) {
	var body io.Reader = bytes.NewReader(a.body.Bytes())
	if a.header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = io.LimitReader(unpacked, maxDocument)
	}
	var document map[string]any
	if err := json.NewDecoder(body).Decode(&document); err != nil {
		return nil, err
	}
	return document, nil
}

// copyTo sends the answer on.
func (a *recorder) copyTo(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	if a.code == 0 {
		a.code = http.StatusOK
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body.Bytes()) // a client that is gone needs no answer
}
