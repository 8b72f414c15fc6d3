package conversation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody = 8 << 20
	// defaultPage and maxPage bound a page of messages.
	defaultPage = 100
	maxPage     = 1000
)

// Owns reports whether the rest of a path, without surrounding slashes, belongs to conversations.
func Owns(rest string) bool {
	first, _, _ := strings.Cut(rest, "/")
	return first == "conversations" || first == "messages" || first == "queries" || rest == "memory-status"
}

// page is a list in the form of Ark's brokers.
type page struct {
	Items   any    `json:"items"`
	Total   int    `json:"total"`
	HasMore bool   `json:"hasMore"`
	Next    *int64 `json:"nextCursor,omitempty"`
}

// fault is an error with its HTTP status.
type fault struct {
	status        int
	code, message string
}

func (f *fault) Error() string { return f.message }

// Serve answers a request of Ark's HTTP API of memories: conversations, messages, and those of a
// Query. rest is the path that Owns has accepted; rights have been checked.
func (s *Store) Serve(w http.ResponseWriter, r *http.Request, namespace, rest string) {
	path := strings.Split(rest, "/")
	if r.Method == http.MethodGet && rest == "messages" && r.URL.Query().Get("watch") == "true" {
		if err := s.watch(w, r, namespace); err != nil {
			answerError(w, err)
		}
		return
	}
	status := http.StatusOK
	if r.Method == http.MethodPost && rest == "conversations" {
		status = http.StatusCreated
	}
	out, err := s.answer(r, namespace, path)
	answer(w, status, out, err)
}

// answer writes the result of a request.
func answer(w http.ResponseWriter, status int, out any, err error) {
	if err != nil {
		answerError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // the client may be gone
}

func answerError(w http.ResponseWriter, err error) {
	var known *fault
	var invalid *InvalidError
	switch {
	case errors.As(err, &known):
	case errors.As(err, &invalid):
		known = &fault{http.StatusBadRequest, "BAD_REQUEST", err.Error()}
	default:
		known = &fault{http.StatusServiceUnavailable, "UNAVAILABLE", err.Error()}
	}
	answer(w, known.status, map[string]any{"error": map[string]string{"code": known.code, "message": known.message}}, nil)
}

// answer processes a request.
func (s *Store) answer(r *http.Request, namespace string, path []string) (any, error) {
	ctx := r.Context()
	deleted := map[string]string{"status": "success"}
	switch on := r.Method + " " + path[0]; {
	case on == "POST conversations" && len(path) == 1:
		id, err := s.Begin(ctx, namespace)
		return map[string]string{"conversation_id": id}, err
	case on == "GET conversations" && len(path) == 1:
		return s.conversations(ctx, namespace)
	case on == "GET conversations" && len(path) == 2:
		return s.conversation(r, namespace, path[1])
	case (on == "DELETE conversations" || on == "DELETE messages") && len(path) == 1:
		return deleted, s.DeleteAll(ctx, namespace)
	case on == "DELETE conversations" && len(path) == 2:
		return deleted, s.Delete(ctx, namespace, path[1])
	case on == "DELETE conversations" && len(path) == 5 && path[2] == "queries" && path[4] == "messages":
		return deleted, s.DeleteQuery(ctx, namespace, path[3], path[1])
	case on == "DELETE queries" && len(path) == 3 && path[2] == "messages":
		return deleted, s.DeleteQuery(ctx, namespace, path[1], "")
	case on == "POST messages" && len(path) == 1:
		return map[string]string{"status": "stored"}, s.post(r, namespace)
	case on == "GET messages" && len(path) == 1:
		return s.get(r, namespace, r.URL.Query().Get("conversation_id"), r.URL.Query().Get("query_id"))
	case on == "GET memory-status":
		return s.status(ctx, namespace)
	}
	return nil, &fault{http.StatusNotFound, "NOT_FOUND", "there is no " + r.Method + " of this path"}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// post stores messages.
func (s *Store) post(r *http.Request, namespace string) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return &fault{http.StatusBadRequest, "INCOMPLETE", "the body has not come to its end"}
	}
	if len(body) > maxBody {
		return &fault{http.StatusRequestEntityTooLarge, "TOO_LARGE", fmt.Sprintf("the messages have more than %d bytes", maxBody)}
	}
	var in struct {
		Conversation string            `json:"conversation_id"`
		Query        string            `json:"query_id"`
		Messages     []json.RawMessage `json:"messages"`
		TTL          float64           `json:"ttl_seconds"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.TTL < 0 {
		return &fault{http.StatusBadRequest, "BAD_REQUEST", "the body is to be JSON with conversation_id, query_id, messages and perhaps ttl_seconds"}
	}
	return s.Add(r.Context(), namespace, in.Conversation, in.Query, in.Messages, time.Duration(in.TTL*float64(time.Second)))
}

// get returns a page of messages.
func (s *Store) get(r *http.Request, namespace, id, query string) (page, error) {
	limit, after := defaultPage, int64(0)
	var err error
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPage {
			return page{}, &InvalidError{fmt.Sprintf("limit is to be 1 to %d", maxPage)}
		}
	}
	if text := r.URL.Query().Get("cursor"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			return page{}, &InvalidError{"cursor is to be the nextCursor of the page before"}
		}
	}
	all, err := s.all(r.Context(), namespace, id, query)
	if err != nil {
		return page{}, err
	}
	out := page{Total: len(all)}
	items := []Message{}
	for _, m := range all {
		switch {
		case m.Sequence <= after:
		case len(items) == limit:
			out.HasMore = true
		default:
			items = append(items, m)
		}
	}
	if out.HasMore {
		out.Next = &items[len(items)-1].Sequence
	}
	out.Items = items
	return out, nil
}

// watch sends the messages after a cursor or from the beginning, and then new ones.
func (s *Store) watch(w http.ResponseWriter, r *http.Request, namespace string) error {
	after, err := number(r, "cursor", 0, maxCursor, -1)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("from-beginning") == "true" {
		after = 0
	}
	id, query := r.URL.Query().Get("conversation_id"), r.URL.Query().Get("query_id")
	sent := map[int64]bool{}
	return s.feed.watch(w, r, topicMessages, namespace, func(send func(any) error) error {
		if after < 0 {
			return nil
		}
		all, err := s.all(r.Context(), namespace, id, query)
		if err != nil {
			return err
		}
		for _, m := range all {
			if sent[m.Sequence] = true; m.Sequence > after {
				if err := send(m); err != nil {
					return err
				}
			}
		}
		return nil
	}, func(data []byte, send func(any) error) error {
		var m Message
		if err := json.Unmarshal(data, &m); err != nil {
			return err
		}
		if sent[m.Sequence] || id != "" && m.Conversation != id || query != "" && m.Query != query {
			return nil
		}
		return send(m)
	})
}

// all returns messages of a conversation, or of all conversations of a namespace.
func (s *Store) all(ctx context.Context, namespace, id, query string) ([]Message, error) {
	if id != "" {
		return s.Messages(ctx, namespace, id, query)
	}
	conversations, err := s.List(ctx, namespace)
	if err != nil {
		return nil, err
	}
	var out []Message
	for _, c := range conversations {
		of, err := s.Messages(ctx, namespace, c.ID, query)
		if err != nil {
			return nil, err
		}
		out = append(out, of...)
	}
	slices.SortFunc(out, func(a, b Message) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return out, nil
}
