package a2a

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"

	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

// The JSON-RPC error codes with which an agent refuses a stream.
const (
	codeMethodNotFound = -32601
	codeUnsupported    = -32004
)

// noStream turns a JSON answer to a stream request into an error. Agents without streams send such
// an answer, and the library reads it as a stream without events.
type noStream struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (n noStream) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := n.next.RoundTrip(r)
	if err != nil || r.Header.Get("Accept") != "text/event-stream" || answer.StatusCode != http.StatusOK ||
		strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		return answer, err
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	text, err := outbound.ReadAll(answer.Body, maxAnswer)
	if err != nil {
		return nil, err
	}
	var reply struct {
		Error *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(text, &reply); {
	case err != nil || reply.Error == nil:
		return nil, errors.New("the agent was asked for a stream, and has answered with something else")
	case reply.Error.Code == codeMethodNotFound:
		return nil, fmt.Errorf("%w: %s", protocol.ErrMethodNotFound, reply.Error.Message)
	case reply.Error.Code == codeUnsupported:
		return nil, fmt.Errorf("%w: %s", protocol.ErrUnsupportedOperation, reply.Error.Message)
	default:
		return nil, errors.New(reply.Error.Message)
	}
}
