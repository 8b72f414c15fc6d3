package engine

import (
	"encoding/json"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/execution"
)

// Chunk is a part of a Query's output. Its Data is a JSON object on one line, in the form that
// Ark's broker uses: a chat.completion.chunk of OpenAI's API with the field `ark` (query, session,
// and agent, team and model where they exist), or an object with `error`. The receiver owns the
// Data.
type Chunk = execution.Chunk

// Sink receives the output of Queries while they run. It is safe for concurrent use.
type Sink interface {
	// Open is called when a Query has been claimed, once for each run: after a restart a Query runs
	// again from its beginning. nil means that the output is not needed.
	Open(q *v1alpha1.Query) Stream
}

// Stream receives the chunks of one run, in order, from one goroutine. Its methods must not wait
// for readers.
type Stream interface {
	// Chunk receives the next part. The last one before End(nil) has the id chatcmpl-final and, in
	// ark.completedQuery, the whole Query as it is stored by then, including its final phase, which
	// may be error or canceled. An error is sent before that as a separate `error` chunk.
	Chunk(c Chunk)
	// End is called once. why is nil if the Query has ended. Otherwise no more chunks follow although
	// the Query has not ended: the server stops, another writer has taken the Query, or it was
	// deleted.
	End(why error)
}

// speaker sends the chunks of a run. The zero value discards them.
type speaker struct{ to Stream }

func (e *Engine) speak(q *v1alpha1.Query) speaker {
	if e.options.Sink == nil {
		return speaker{}
	}
	return speaker{e.options.Sink.Open(q)}
}

// chunk returns nil if there is no receiver, so that no chunks are built.
func (s speaker) chunk() func(Chunk) {
	if s.to == nil {
		return nil
	}
	return s.to.Chunk
}

// end sends the last chunks of a run that has ended with a stored Query, or the reason why it has
// not.
func (s speaker) end(q *v1alpha1.Query, over error) {
	if s.to == nil {
		return
	}
	if over != nil {
		s.to.End(over)
		return
	}
	if phaseOf(q) == v1alpha1.QueryError {
		message := ""
		if r := q.Status.Response; r != nil && r.Content != nil {
			message = *r.Content
		}
		s.send(map[string]any{
			"error": map[string]string{"message": message, "type": "server_error", "code": "execution_failed"},
			"ark":   map[string]any{"query": q.UID, "session": sessionOf(q), "model": targetOf(q)},
		})
	}
	whole := q.DeepCopy()
	whole.APIVersion, whole.Kind, whole.ManagedFields = v1alpha1.SchemeGroupVersion.String(), "Query", nil
	s.send(map[string]any{
		"id": "chatcmpl-final", "object": "chat.completion.chunk", "created": q.CreationTimestamp.Unix(), "model": q.Name,
		"choices": []any{map[string]any{"index": 0, "delta": map[string]string{"content": ""}, "finish_reason": nil}},
		"ark":     map[string]any{"query": q.UID, "session": sessionOf(q), "completedQuery": whole},
	})
	s.to.End(nil)
}

// targetOf returns the name of a Query's target, which Ark's engine uses as the model of an error.
func targetOf(q *v1alpha1.Query) string {
	switch r := q.Status.Response; {
	case q.Spec.Target != nil:
		return q.Spec.Target.Name
	case r != nil && r.Target != nil:
		return r.Target.Name
	}
	return ""
}

func (s speaker) send(data map[string]any) {
	text, err := json.Marshal(data)
	if err != nil {
		return // never fails: strings, and JSON that the API has encoded before
	}
	s.to.Chunk(Chunk{Data: text})
}
