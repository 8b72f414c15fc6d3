package clientfault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

func TestReason(t *testing.T) {
	wrong := errors.New("invalid bearer token")
	away := &url.Error{Op: "Post", URL: "https://kube", Err: errors.New("refused")}
	for _, c := range []struct {
		message string
		err     error
		want    Reason
	}{
		{"Unable to authenticate the request", wrong, Credentials},
		{"Unable to authenticate the request", utilerrors.NewAggregate([]error{wrong, errors.New("x509: certificate has expired")}), Credentials},
		{"Unable to authenticate the request", away, ""},
		{"Unable to authenticate the request", fmt.Errorf("ask: %w", away), ""},
		{"Unable to authenticate the request", utilerrors.NewAggregate([]error{wrong, away}), ""},
		{"Unable to authenticate the request", apierrors.NewInternalError(wrong), ""},
		{"Couldn't parse request", wrong, Query},
		{`Error - invalid timeout specified in the request URL - time: invalid duration "abc": "/x"`, nil, Query},
		{"Unhandled Error", fmt.Errorf("apiserver was unable to write a JSON response: %w", syscall.EPIPE), Disconnected},
		{"Unhandled Error", errors.New("apiserver was unable to write a JSON response: http2: stream closed"), Disconnected},
		{"Unhandled Error", fmt.Errorf("apiserver received an error that is not an metav1.Status: %w", io.ErrUnexpectedEOF), Disconnected},
		{"Unhandled Error", errors.New("apiserver received an error that is not an metav1.Status: disk full"), ""},
		{"Unhandled Error", errors.New("apiserver was unable to write a JSON response: no codec"), ""},
		{"Unhandled Error", errors.New("failed to sync: http2: stream closed"), ""},
		{"Unhandled Error", nil, ""},
		{"Request failed", wrong, ""},
	} {
		if got := reason(c.message, c.err); got != c.want {
			t.Errorf("%s: %v: %q, want %q", c.message, c.err, got, c.want)
		}
	}
}

// A mistake is information: at the default level it is not there, and nothing else is left out.
func TestHandler(t *testing.T) {
	for level, want := range map[slog.Level][2]bool{slog.LevelWarn: {false, true}, slog.LevelInfo: {true, true}} {
		var out bytes.Buffer
		log := slog.New(Handler{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})}).With("logger", "x").WithGroup("g")
		log.Error("Unable to authenticate the request", "err", errors.New("invalid bearer token"))
		log.Error("Unable to open", "err", errors.New("disk full"))
		if got := [2]bool{strings.Contains(out.String(), "authenticate"), strings.Contains(out.String(), "disk full")}; got != want {
			t.Errorf("%s: %v, want %v:\n%s", level, got, want, out.String())
		}
		if strings.Contains(out.String(), "level=ERROR msg=\"Unable to auth") {
			t.Errorf("a mistake is an error: %s", out.String())
		}
	}
}
