package direct

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/klog/v2"
)

// identityHeaders name users to servers that trust the sender. Only the aggregator may send
// them.
const identityHeaders = "X-Remote-"

// retrySeconds is when a client may ask again.
const retrySeconds = 1

// forward passes a request to kube-apiserver.
func (h *Handler) forward(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	if lasting(r) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(h.closing, cancel)()
		h.counters.watches.Add(1)
		defer h.counters.watches.Add(-1)
		forward.ServeHTTP(w, r.WithContext(ctx))
		return
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		h.refuse(w, r, apierrors.NewTooManyRequests(fmt.Sprintf(
			"%d requests wait for the cluster's kube-apiserver already", cap(h.slots)), retrySeconds))
		return
	}
	h.counters.requests.Add(1)
	defer h.counters.requests.Add(-1)
	forward.ServeHTTP(w, r)
}

// proxy returns what passes requests on as they are.
func (h *Handler) proxy() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = h.cluster.Scheme, h.cluster.Host
			p.Out.Host = ""
			p.SetXForwarded() // where the request came from, for the cluster's audit log
			for name := range p.Out.Header {
				if strings.HasPrefix(name, identityHeaders) {
					p.Out.Header.Del(name)
				}
			}
			if p.Out.Header.Get(audit.HeaderAuditID) == "" {
				p.Out.Header.Set(audit.HeaderAuditID, string(uuid.NewUUID()))
			}
			if _, named := p.In.Header["User-Agent"]; !named {
				p.Out.Header.Set("User-Agent", "") // or the proxy would name itself
			}
		},
		Transport:      roundTripper{h},
		FlushInterval:  -1,
		ModifyResponse: func(answer *http.Response) error { h.counters.countCode(answer.StatusCode); return nil },
		ErrorHandler:   h.failed,
	}
}

// roundTripper chooses the connection.
type roundTripper struct{ h *Handler }

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Upgrade") != "" {
		return t.h.upgrading.RoundTrip(r)
	}
	return t.h.plain.RoundTrip(r)
}

// failed answers a request that did not get through.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		if h.closing.Err() != nil {
			h.refuse(w, r, apierrors.NewServiceUnavailable("this replica stops: ask again"))
		}
		return // the client is gone
	}
	h.counters.count(outcomeUnreachable)
	klog.V(2).InfoS("A request did not reach kube-apiserver", "method", r.Method, "path", r.URL.Path, "err", err)
	status := apierrors.NewServiceUnavailable(fmt.Sprintf(
		"the cluster's kube-apiserver does not answer, and %s is its: %s; Ark's own resources are served all the same", r.URL.Path, cause(err)))
	if status.ErrStatus.Details == nil {
		status.ErrStatus.Details = retryDetails()
	}
	w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
	h.refuse(w, r, status)
}

// cause returns what went wrong, without addresses of the request.
func cause(err error) error {
	var within interface{ Unwrap() error }
	for errors.As(err, &within) {
		inner := within.Unwrap()
		if inner == nil {
			break
		}
		err = inner
	}
	return err
}
