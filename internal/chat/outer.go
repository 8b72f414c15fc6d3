package chat

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Outer wraps the handler of the whole server. On the paths of chat it handles CORS, including
// preflight requests, and converts errors of the API server to OpenAI's form, because OpenAI
// clients cannot parse the original ones. Origins are those of web pages that may use it; "*"
// stands for all.
func Outer(next http.Handler, origins []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !Owns(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && (slices.Contains(origins, origin) || slices.Contains(origins, "*")) {
			header := w.Header()
			header.Set("Access-Control-Allow-Origin", origin)
			header.Add("Vary", "Origin")
			header.Set("Access-Control-Expose-Headers", "X-Request-Id, X-Ark-Query, X-Should-Retry, Retry-After, "+limitHeaders)
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				header.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
				header.Set("Access-Control-Allow-Headers", strings.ReplaceAll(r.Header.Get("Access-Control-Request-Headers"), "\n", ""))
				header.Set("Access-Control-Max-Age", "600")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		held := &heldFault{ResponseWriter: w, nobody: r.Header.Get("Authorization") == "" && (r.TLS == nil || len(r.TLS.PeerCertificates) == 0)}
		next.ServeHTTP(held, r)
		held.release()
	})
}

// heldFault buffers an answer that is an error, and passes others through.
type heldFault struct {
	http.ResponseWriter
	// nobody is true if the request has no credentials, so that a forbidden request may succeed with
	// credentials.
	nobody bool
	status int // the status of an error
	passes bool
	body   bytes.Buffer
}

const maxHeldFault = 64 << 10

// WriteHeader implements http.ResponseWriter.
func (h *heldFault) WriteHeader(code int) {
	switch {
	case h.status != 0 || h.passes:
	case code >= http.StatusBadRequest:
		h.status = code
	default:
		h.passes = code >= http.StatusOK
		h.ResponseWriter.WriteHeader(code)
	}
}

// Write implements http.ResponseWriter.
func (h *heldFault) Write(p []byte) (int, error) {
	if h.status == 0 {
		h.passes = true
		return h.ResponseWriter.Write(p)
	}
	if room := maxHeldFault - h.body.Len(); room > 0 {
		h.body.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// FlushError is for http.ResponseController: no part of an error is sent before it is complete.
func (h *heldFault) FlushError() error {
	if h.status != 0 {
		return nil
	}
	h.passes = true
	return http.NewResponseController(h.ResponseWriter).Flush()
}

// Flush implements http.Flusher.
func (h *heldFault) Flush() { _ = h.FlushError() }

// Unwrap is for http.ResponseController.
func (h *heldFault) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// release sends a buffered error in OpenAI's form.
func (h *heldFault) release() {
	if h.status == 0 {
		return
	}
	if h.nobody && h.status == http.StatusForbidden {
		h.status = http.StatusUnauthorized
	}
	var ours struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(h.body.Bytes(), &ours) == nil && len(ours.Error) > 0 {
		h.ResponseWriter.WriteHeader(h.status)
		_, _ = h.ResponseWriter.Write(h.body.Bytes()) // the client may be gone
		return
	}
	var status metav1.Status
	if json.Unmarshal(h.body.Bytes(), &status) != nil || status.Message == "" {
		status.Message = strings.TrimSpace(h.body.String())
	}
	if status.Message == "" {
		status.Message = http.StatusText(h.status)
	}
	status.Code = int32(h.status)
	fault := faultOfStatus(status)
	fault.Status = h.status
	if h.status == http.StatusUnauthorized {
		fault.Message, fault.Code = "the API key is missing or wrong: send it as Authorization: Bearer KEY; ark-server token create makes one", text("invalid_api_key")
	}
	fault.write(h.ResponseWriter)
}
