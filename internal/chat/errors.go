package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Error types of OpenAI's API.
const (
	typeInvalid    = "invalid_request_error"
	typeAuth       = "authentication_error"
	typePermission = "permission_error"
	typeNotFound   = "not_found_error"
	typeLimit      = "rate_limit_error"
	typeServer     = "server_error"
)

// Fault is an error in OpenAI's form, with the status of the response if no stream has begun.
type Fault struct {
	Status     int     `json:"-"`
	RetryAfter int     `json:"-"` // seconds
	Message    string  `json:"message"`
	Type       string  `json:"type"`
	Param      *string `json:"param"`
	Code       *string `json:"code"`
}

// Error implements error.
func (f *Fault) Error() string { return f.Message }

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// invalid returns the fault for an invalid parameter of a request.
func invalid(param, code, format string, args ...any) *Fault {
	return &Fault{Status: http.StatusBadRequest, Type: typeInvalid, Param: text(param), Code: text(code), Message: fmt.Sprintf(format, args...)}
}

// Error codes.
const (
	codeValue       = "invalid_value"
	codeUnsupported = "unsupported_parameter"
	codeNoModel     = "model_not_found"
	codeMetadata    = "invalid_ark_metadata"
	codeReused      = "idempotency_key_reused"
	codeFailed      = "query_failed"
	codeCanceled    = "query_canceled"
	codeLimit       = "rate_limit_exceeded"
	codeStopping    = "server_shutting_down"
	codeFull        = "server_out_of_memory"
)

// serverFault returns a fault that the client did not cause.
func serverFault(status int, code, message string) *Fault {
	return &Fault{Status: status, Type: typeServer, Code: text(code), Message: message}
}

// typeOf returns the error type for a status.
func typeOf(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return typeAuth
	case status == http.StatusForbidden:
		return typePermission
	case status == http.StatusNotFound:
		return typeNotFound
	case status == http.StatusTooManyRequests:
		return typeLimit
	case status >= http.StatusInternalServerError:
		return typeServer
	}
	return typeInvalid
}

// faultOf converts an error of the API to OpenAI's form.
func faultOf(err error) *Fault {
	var fault *Fault
	if errors.As(err, &fault) {
		return fault
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return serverFault(http.StatusInternalServerError, "internal_error", err.Error())
	}
	return faultOfStatus(status.Status())
}

func faultOfStatus(s metav1.Status) *Fault {
	code := int(s.Code)
	if code == http.StatusUnprocessableEntity {
		code = http.StatusBadRequest
	}
	out := &Fault{Status: code, Type: typeOf(code), Message: s.Message}
	if s.Details != nil {
		out.RetryAfter = int(s.Details.RetryAfterSeconds)
	}
	if s.Reason != "" {
		out.Code = text(snake(string(s.Reason)))
	}
	return out
}

// snake converts a reason such as TooManyRequests to too_many_requests.
func snake(reason string) string {
	var out strings.Builder
	for i, r := range reason {
		if 'A' <= r && r <= 'Z' {
			if i > 0 {
				out.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return out.String()
}

type faultBody struct {
	Error *Fault `json:"error"`
}

// write answers a request with the fault.
func (f *Fault) write(w http.ResponseWriter) {
	header := w.Header()
	header.Del("Content-Length")
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if f.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write(f.json()) // the client may be gone
}

func (f *Fault) json() []byte {
	out, err := json.Marshal(faultBody{f})
	if err != nil {
		return []byte(`{"error":{"message":"internal error","type":"server_error","param":null,"code":null}}`)
	}
	return out
}
