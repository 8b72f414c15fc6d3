package filters

import (
	"bytes"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/apis/ark"
)

// Some faults of a request come back from the stock code as errors that the
// handlers take for the server's own, and answer with 500. Here they become 400.

// withPatchFaults answers 400 to a JSON patch that the library panics at: one that
// tests the whole document against no value (RFC 6902 wants one). Other panics go on.
func withPatchFaults(next http.Handler, serializer runtime.NegotiatedSerializer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isPatch(r, types.JSONPatchType) {
			defer func() {
				fault := recover()
				if fault == nil {
					return
				}
				// The handlers append the stack to the panic's message.
				if text, ok := fault.(string); !ok || !strings.Contains(text, "evanphx/json-patch") {
					panic(fault)
				}
				responsewriters.ErrorNegotiated(apierrors.NewBadRequest("the JSON patch is malformed: an operation lacks its value"), serializer, arkVersion(""), w, r)
			}()
		}
		next.ServeHTTP(w, r)
	})
}

func isPatch(r *http.Request, kind types.PatchType) bool {
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return r.Method == http.MethodPatch && contentType == string(kind)
}

// withApplyFaults answers 400 to an applied object that does not fit the schema.
func withApplyFaults(next http.Handler, serializer runtime.NegotiatedSerializer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isPatch(r, types.ApplyYAMLPatchType) {
			next.ServeHTTP(w, r)
			return
		}
		held := &heldFailure{ResponseWriter: w}
		next.ServeHTTP(held, r)
		if !held.failed {
			return
		}
		var status metav1.Status
		if yaml.Unmarshal(held.body.Bytes(), &status) == nil && isApplyFault(status.Message) {
			w.Header().Del("Content-Length")
			responsewriters.ErrorNegotiated(apierrors.NewBadRequest(status.Message), serializer, arkVersion(""), w, r)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(held.body.Bytes()) // a client that has gone does not matter
	})
}

// isApplyFault recognises what the field manager says of an applied object that is
// not one of its kind: in its structure, or in a value such as a time.
func isApplyFault(message string) bool {
	return strings.HasPrefix(message, "failed to create typed patch object") || strings.HasPrefix(message, "failed to convert new object")
}

// heldFailure keeps back an answer if it is 500, and lets others pass.
type heldFailure struct {
	http.ResponseWriter
	failed bool
	body   bytes.Buffer
}

func (h *heldFailure) WriteHeader(code int) {
	if code == http.StatusInternalServerError {
		h.failed = true
		return
	}
	h.ResponseWriter.WriteHeader(code)
}

func (h *heldFailure) Write(p []byte) (int, error) {
	if h.failed {
		return h.body.Write(p)
	}
	return h.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (h *heldFailure) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// arkVersion is a version of the Ark group.
func arkVersion(version string) schema.GroupVersion {
	return schema.GroupVersion{Group: ark.GroupName, Version: version}
}
