package assembly

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// errStopping is what the server's own clients get once it stops.
var errStopping = fmt.Errorf("the server is stopping: %w", context.Canceled)

// loopback ends the requests of the server's own clients when the server begins to stop. Without
// it a client whose call takes no context retries the 503 of a server that stops, for ten
// seconds, and the stop waits for the client.
type loopback struct {
	next http.RoundTripper
	// stopping is closed before the server refuses requests.
	stopping <-chan struct{}
}

func (l loopback) RoundTrip(r *http.Request) (*http.Response, error) {
	if isClosed(l.stopping) {
		return nil, errStopping
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	go func() {
		select {
		case <-l.stopping:
			cancel(errStopping)
		case <-ctx.Done():
		}
	}()
	answer, err := l.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	answer.Body = releasingBody{answer.Body, cancel}
	return answer, nil
}

// releasingBody releases what a request holds when its answer was read.
type releasingBody struct {
	io.ReadCloser
	release context.CancelCauseFunc
}

func (b releasingBody) Close() error {
	defer b.release(nil)
	return b.ReadCloser.Close()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// WrappedRoundTripper implements net.RoundTripperWrapper.
func (l loopback) WrappedRoundTripper() http.RoundTripper { return l.next }

const readyPoll = 25 * time.Millisecond

// WaitReady returns nil once the server is ready, or the context's error.
func (s *Server) WaitReady(ctx context.Context) error {
	config := rest.CopyConfig(s.Generic.LoopbackClientConfig)
	config.NegotiatedSerializer = clientscheme.Codecs
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return fmt.Errorf("make a client for the probe: %w", err)
	}
	err = wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		return client.Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	})
	if err == nil {
		s.ready.Store(true)
	}
	return err
}

// Requests that stopping has ended leave their connections idle a moment later.
const (
	idlePoll = 5 * time.Millisecond
	idleTry  = 10
)

// closeIdle closes the connections of the server's own clients, whose requests have ended. The HTTP
// server would wait a second for each of them.
func closeIdle(transport http.RoundTripper) {
	for range idleTry {
		utilnet.CloseIdleConnectionsFor(transport)
		time.Sleep(idlePoll)
	}
}
