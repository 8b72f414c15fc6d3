package chat

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/sse"
)

// progress sends progress notifications to a client that has requested them, until the returned
// function is called.
func (s *session) progress(ctx context.Context, call *mcp.CallToolRequest) (ended func()) {
	token := call.Params.GetProgressToken()
	if token == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(sse.KeepAlive)
		defer ticker.Stop()
		for began := time.Now(); ; {
			select {
			case <-ticker.C:
				// A disconnected client ends the call.
				_ = call.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
					ProgressToken: token, Progress: time.Since(began).Seconds(), Message: "the query is running",
				})
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		stop()
		<-done
	}
}

// ask creates a Query as the user, and returns its answer. If the client disconnects, the Query is
// canceled.
func (s *session) ask(ctx context.Context, asked question) (string, error) {
	outcome, kind := refused, ""
	defer func() { s.server.options.Observer.Ended(kind, outcome) }()
	if asked.Input == "" {
		return "", errors.New("input is missing: say what to ask")
	}
	to, _, fault := s.server.find(s.r, s.who, asked.Target)
	if fault != nil {
		return "", fault
	}
	kind = string(to.kind)
	s.server.options.Observer.Opened(kind)
	defer s.server.options.Observer.Closed(kind)
	if fault := s.server.full(); fault != nil {
		return "", fault
	}
	metadata := map[string]string{}
	for name, value := range map[string]string{metadataSession: asked.SessionID, metadataConversation: asked.ConversationID, metadataTimeout: asked.Timeout} {
		if value != "" {
			metadata[name] = value
		}
	}
	query, fault := newQuery(&request{metadata: metadata}, to, asked.Input)
	if fault != nil {
		return "", fault
	}
	made := &v1alpha1.Query{}
	if err := s.who.call(ctx, http.MethodPost, resourcePath(to.namespace, "queries", ""), query, made); err != nil {
		return "", err
	}
	s.server.offer(ctx, made)
	ended, err := ask.Wait(ctx, s.server.options.System, made)
	switch {
	case ctx.Err() != nil:
		outcome = left
		if !s.server.stopping() {
			s.server.cancel(ctx, made)
		}
		return "", context.Cause(ctx)
	case err != nil:
		outcome = failed
		return "", err
	}
	answer, err := ask.Answer(ended)
	if err != nil {
		outcome = failed
		return "", err
	}
	outcome = answered
	return answer, nil
}
