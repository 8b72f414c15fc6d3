package stream

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mckinsey/ark-server/internal/sse"
)

// reading has the parameters of a reader's request.
type reading struct {
	fromBeginning bool
	wait          time.Duration // for the first chunk; 0 for no limit
	maxContent    int           // characters of one chunk's text; 0 for no bound
}

const (
	// minWait and maxWait bound wait-for-query. A value outside is replaced by the bound, because
	// clients send a Query's timeout.
	minWait = time.Second
	maxWait = 300 * time.Second
)

// readingOf parses the parameters of a request.
func readingOf(query url.Values) (reading, string) {
	out := reading{fromBeginning: query.Get("from-beginning") == "true"}
	if text := query.Get("wait-for-query"); text != "" {
		seconds, err := strconv.Atoi(text)
		out.wait = time.Duration(seconds) * time.Second
		if err != nil {
			out.wait, err = time.ParseDuration(text)
		}
		if err != nil {
			return out, "wait-for-query is to be a number of seconds, or a duration such as 30s"
		}
		out.wait = min(max(out.wait, minWait), maxWait)
	}
	if text := query.Get("max-chunk-size"); text != "" {
		var err error
		if out.maxContent, err = strconv.Atoi(text); err != nil || out.maxContent < 1 {
			return out, "max-chunk-size is to be a positive number"
		}
	}
	return out, ""
}

// read sends the chunks of a stream as events until it ends.
func (h Handler) read(w http.ResponseWriter, r *http.Request, key Key) {
	asked, wrong := readingOf(r.URL.Query())
	if wrong != "" {
		Refuse(w, http.StatusBadRequest, "BAD_REQUEST", wrong)
		return
	}
	uid := ""
	if key.Query != "" {
		var err error
		if uid, _, err = h.Queries.Find(r.Context(), key.Namespace, key.Query); err != nil {
			Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "the query cannot be read: "+err.Error())
			return
		}
	}
	from, err := h.Broker.Read(key, uid, asked.fromBeginning)
	if err != nil {
		Refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", err.Error())
		return
	}
	defer from.Close()
	to, err := sse.Start(w)
	if err != nil {
		return // the client is gone
	}
	_ = h.send(to, r, from, asked) // it fails if the client is gone
}

// send writes the chunks of a reader.
func (h Handler) send(to *sse.Writer, r *http.Request, from *Reader, asked reading) error {
	alive := time.NewTicker(sse.KeepAlive)
	defer alive.Stop()
	var late <-chan time.Time
	if asked.wait > 0 && !from.Begun() {
		timer := time.NewTimer(asked.wait)
		defer timer.Stop()
		late = timer.C
	}
	for {
		chunks, end, changed := from.Take()
		for _, chunk := range chunks {
			late = nil
			for _, part := range split(full(chunk), asked.maxContent) {
				if err := to.Data(part); err != nil {
					return err
				}
			}
		}
		if end != nil {
			return finish(to, end.Err)
		}
		select {
		case <-changed:
		case <-late:
			return fail(to, Fault{"Request timeout waiting for streaming query response", "timeout_error", "timeout"})
		case <-alive.C:
			if err := to.Ping(); err != nil {
				return err
			}
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// finish ends a stream; if it is incomplete, an error precedes the end.
func finish(to *sse.Writer, err error) error {
	if err != nil {
		return fail(to, Fault{err.Error(), "server_error", "stream_broken"})
	}
	return to.Done()
}

func fail(to *sse.Writer, f Fault) error {
	text, err := json.Marshal(map[string]Fault{"error": f})
	if err == nil {
		err = to.Data(text)
	}
	if err != nil {
		return err
	}
	return to.Done()
}

// split splits the text of a chunk into several chunks of at most the given number of characters.
func split(chunk []byte, most int) [][]byte {
	if most == 0 || len(chunk) <= most {
		return [][]byte{chunk}
	}
	var whole map[string]json.RawMessage
	var choices []map[string]json.RawMessage
	var delta map[string]json.RawMessage
	var text string
	if json.Unmarshal(chunk, &whole) != nil || json.Unmarshal(whole["choices"], &choices) != nil || len(choices) != 1 ||
		json.Unmarshal(choices[0]["delta"], &delta) != nil || json.Unmarshal(delta["content"], &text) != nil || utf8.RuneCountInString(text) <= most {
		return [][]byte{chunk}
	}
	finish := choices[0]["finish_reason"]
	var out [][]byte
	for rest := text; rest != ""; {
		var part strings.Builder
		for range most {
			if rest == "" {
				break
			}
			r, size := utf8.DecodeRuneInString(rest)
			part.WriteRune(r)
			rest = rest[size:]
		}
		delta["content"] = encode(part.String())
		choices[0]["delta"] = encode(delta)
		if choices[0]["finish_reason"] = finish; rest != "" || finish == nil {
			choices[0]["finish_reason"] = json.RawMessage("null") // only the last part has it
		}
		whole["choices"] = encode(choices)
		out = append(out, encode(whole))
	}
	return out
}

// encode encodes values that can always be encoded.
func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}
