package chat

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// maxStreamBody bounds the body of a request for a stream.
const maxStreamBody = 4 << 10

// wantsStream reports whether a request to get a response asks for its events. The specification
// has a URL parameter for that; the SDK for Go sends it as a body.
func wantsStream(r *http.Request) bool {
	if r.URL.Query().Get("stream") == "true" {
		return true
	}
	if r.ContentLength == 0 {
		return false
	}
	var in struct {
		Stream bool `json:"stream"`
	}
	return json.NewDecoder(io.LimitReader(r.Body, maxStreamBody)).Decode(&in) == nil && in.Stream
}

// streamAgain sends the events of a response to a client that did not create it, or has lost its
// stream: first the past events, then the new ones. starting_after skips the events up to that
// number.
//
// The broker keeps chunks for a time after the end of a Query. During that time the events are the
// same as those of the first stream, one by one. Afterwards the text is one delta, so the numbers
// differ: the last event, which has the whole response, is sent regardless of its number.
func (s *Server) streamAgain(w http.ResponseWriter, r *http.Request, who asker, found *response) *Fault {
	out := &responseFormat{asked: found.kept.Asked, response: *found}
	if after := r.URL.Query().Get("starting_after"); after != "" {
		n, err := strconv.ParseInt(after, 10, 32)
		if err != nil || n < 0 {
			return invalid("starting_after", codeValue, "starting_after is the sequence_number of an event")
		}
		out.skip = int(n) + 1
	}
	to, ok := parseTarget(found.kept.Target)
	if !ok {
		return serverFault(http.StatusInternalServerError, "internal_error", "the response in the database is damaged")
	}
	to.namespace = found.kept.Namespace
	x := &exchange{
		server: s, w: w, r: r, who: who, out: out, to: to, found: string(to.kind), query: found.query, began: time.Now(), created: found.query.CreationTimestamp.Unix(),
		asked: &request{model: found.kept.Asked.Model, stream: true}, again: true, reading: true,
	}
	x.answer = answer{tools: len(found.kept.Asked.Tools) > 0, team: to.kind == v1alpha1.QueryTargetTeam}
	if x.answer.team {
		team := &v1Object{}
		// Without the right to get the team, the text is sent as a whole at the end.
		if who.call(r.Context(), http.MethodGet, resourcePath(to.namespace, to.resource(), to.name), nil, team) == nil {
			x.answer.speaker = team.speaker()
		}
	}
	defer x.open()()
	if x.begin() != nil {
		return nil // the client is gone
	}
	return x.follow()
}
