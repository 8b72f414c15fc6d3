package clientfault

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// Reason is what was wrong, as the metric's label has it.
type Reason string

// The reasons. There are few, whatever clients send.
const (
	// Credentials are a token or certificate that is not valid.
	Credentials Reason = "credentials"
	// Query is the query part of a URL, such as a selector, that cannot be parsed.
	Query Reason = "query"
	// Disconnected is a client that went away before it had its answer.
	Disconnected Reason = "disconnected"
	// FutureRevision is a resourceVersion that no server has given out.
	FutureRevision Reason = "future_revision"
)

// reason returns what a record of the libraries reports of a client, or "".
func reason(message string, err error) Reason {
	switch {
	case message == "Unable to authenticate the request" && err != nil && !isServers(err):
		return Credentials
	case message == "Couldn't parse request", message == "Failed to convert options while estimating work for the list request", strings.HasPrefix(message, "Error - invalid timeout specified"):
		return Query
	case message == "Post-timeout activity", message == "Timeout or abort while handling":
		// The request itself is logged if it failed for another reason than that its client went away.
		return Disconnected
	case message == "Unhandled Error" && err != nil && isDisconnection(err):
		return Disconnected
	}
	return ""
}

// isServers reports whether credentials could not be checked, as opposed to being wrong.
func isServers(err error) bool {
	var several utilerrors.Aggregate
	if errors.As(err, &several) {
		for _, one := range several.Errors() {
			if isServers(one) {
				return true
			}
		}
		return false
	}
	var network net.Error
	var request *url.Error
	var status apierrors.APIStatus
	return errors.As(err, &network) || errors.As(err, &request) || errors.As(err, &status) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.EOF)
}

// isDisconnection reports whether an answer could not be written, or a request not be read, because
// the client was gone.
func isDisconnection(err error) bool {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	// Many libraries keep the text of an error only.
	text := err.Error()
	if !strings.HasPrefix(text, "apiserver was unable to write a") && !strings.HasPrefix(text, "apiserver received an error that is not an metav1.Status") {
		return false
	}
	for _, end := range []string{"http: Handler timeout", "unexpected EOF", "http2: stream closed", "client disconnected", "broken pipe", "connection reset by peer", "context canceled"} {
		if strings.HasSuffix(text, end) {
			return true
		}
	}
	return false
}
