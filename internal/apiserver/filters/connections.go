package filters

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/connections"
)

const (
	// maxStreams is how many requests may be under way on one connection, as in a stock API server. A
	// front proxy sends everything over few connections, and may have proxyStreams. HTTP/2 has one
	// setting for a whole server; where there is a front proxy, others are told here.
	maxStreams   = 100
	proxyStreams = 1000
	// bodyTime limits how long the unread rest of a body may take once the answer is written.
	bodyTime = 5 * time.Second
)

// StreamsPerConnection is how many requests a server lets be under way on one connection over
// HTTP/2.
func StreamsPerConnection(frontProxy bool) int {
	if frontProxy {
		return proxyStreams
	}
	return maxStreams
}

// withConnections keeps clients within the bounds of their connection, see package connections. It
// goes around everything else. isProxy recognises the front proxy by its certificate.
func withConnections(requestTime time.Duration, isProxy func(*tls.ConnectionState) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && r.ContentLength != 0 && r.Header.Get("Upgrade") == "" {
			body := limitBody(w, r, requestTime)
			defer body.answered()
		}
		c := connections.Of(r.Context())
		if c == nil {
			next.ServeHTTP(w, r)
			return
		}
		underWay, first := c.Begin()
		defer c.End()
		if first && isProxy(r.TLS) {
			c.Exempt()
		}
		switch {
		case c.Surplus():
			refuse(w, "there are too many connections to this server: try again later")
		case underWay > maxStreams && !c.Exempted():
			c.Refuse()
			refuse(w, "there are "+strconv.Itoa(maxStreams)+" requests under way on this connection: use another one")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// timedBody is a body that has to come in time. Of what a handler leaves of it, net/http reads a
// part itself, to use the connection again, and would wait for as long as the client cares to send.
// HTTP/2 does not: there a stream ends with its answer.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	ended   atomic.Bool
}

// limitBody lets the body of a request take as long as the request may.
func limitBody(w http.ResponseWriter, r *http.Request, requestTime time.Duration) *timedBody {
	b := &timedBody{ReadCloser: r.Body, control: http.NewResponseController(w)}
	_ = b.control.SetReadDeadline(time.Now().Add(requestTime)) // a writer without deadlines is a test's
	r.Body = b
	return b
}

// Read implements io.Reader. After the end no deadline is left, which would end the request, too.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.ended.Swap(true) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// answered leaves what is missing of the body little time.
func (b *timedBody) answered() {
	if !b.ended.Load() {
		_ = b.control.SetReadDeadline(time.Now().Add(bodyTime))
	}
}

// refuse answers 429 and has the client use another connection from now on: over HTTP/2 it is told
// to by GOAWAY, and what is under way is finished.
func refuse(w http.ResponseWriter, message string) {
	status := apierrors.NewTooManyRequests(message, 1).Status()
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	text, err := json.Marshal(status)
	if err != nil {
		panic(err) // plain fields, always encodable
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write(text) // whether the client still listens is its affair
}

// proveConnection notes that a user is behind a connection whose request an authenticator has
// accepted.
func proveConnection(next authenticator.Request) authenticator.Request {
	return authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		response, ok, err := next.AuthenticateRequest(r)
		if ok && response != nil && response.User.GetName() != user.Anonymous {
			if c := connections.Of(r.Context()); c != nil {
				c.Prove()
			}
		}
		return response, ok, err
	})
}

// frontProxy recognises the front proxy of a configuration, which may be nil.
func frontProxy(config *authenticatorfactory.RequestHeaderConfig) func(*tls.ConnectionState) bool {
	return func(state *tls.ConnectionState) bool {
		if config == nil || state == nil || len(state.PeerCertificates) == 0 {
			return false
		}
		options, known := config.CAContentProvider.VerifyOptions()
		if !known {
			return false
		}
		options.Intermediates = x509.NewCertPool()
		for _, c := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		certificate := state.PeerCertificates[0]
		if _, err := certificate.Verify(options); err != nil {
			return false
		}
		names := config.AllowedClientNames.Value()
		return len(names) == 0 || slices.Contains(names, certificate.Subject.CommonName)
	}
}
