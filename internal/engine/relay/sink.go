package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/stream"
)

const (
	// completeTimeout bounds the request that completes a stream.
	completeTimeout = 30 * time.Second
	// maxExplanation is how much of an error response is logged.
	maxExplanation = 500
)

// Sink is an engine.Sink that sends to a broker on another server. It is safe for concurrent use.
type Sink struct {
	server string
	client *http.Client
	open   sync.WaitGroup
}

var _ engine.Sink = (*Sink)(nil)

// NewSink returns a sink for the server at a URL. The client adds the credentials.
func NewSink(server string, client *http.Client) *Sink {
	return &Sink{server: strings.TrimRight(server, "/"), client: client}
}

// Open implements engine.Sink.
func (s *Sink) Open(q *v1alpha1.Query) engine.Stream {
	to := newLines()
	log := klog.Background().WithValues("query", q.Namespace+"/"+q.Name)
	path := s.server + stream.Prefix + url.PathEscape(q.Namespace) + "/stream/" + url.PathEscape(q.Name)
	s.open.Go(func() {
		// The requests end with the run, which has its own timeout.
		err := s.post(context.Background(), path, to)
		_ = to.Close() // it never fails
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), completeTimeout)
			defer cancel()
			err = s.post(ctx, path+"/complete", nil)
		}
		if err != nil && !errors.Is(err, errUnfinished) {
			log.Error(err, "The broker has not taken the stream of a query; its answer is in the query")
		}
	})
	return to
}

// Wait returns when all streams have ended, or with the context's error. Do not open a stream after
// calling it.
func (s *Sink) Wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		s.open.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("streams are still being sent: %w", context.Cause(ctx))
	}
}

func (s *Sink) post(ctx context.Context, to string, body io.Reader) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, body)
	if err != nil {
		return fmt.Errorf("make a request to the broker: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	answer, err := s.client.Do(request)
	if err != nil {
		if errors.Is(err, errUnfinished) {
			return errUnfinished
		}
		return fmt.Errorf("send to the broker: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxExplanation)) // as much as there is
	return fmt.Errorf("the broker answered %s: %s", answer.Status, bytes.ToValidUTF8(bytes.TrimSpace(text), nil))
}
