package conversation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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

// Owns reports whether the rest of a path, without slashes around it, is of conversations.
func Owns(rest string) bool {
	first, _, _ := strings.Cut(rest, "/")
	return first == "conversations" || first == "messages" || first == "queries" || rest == "memory-status"
}

// page is a list as Ark's brokers answer it.
type page struct {
	Items   any     `json:"items"`
	Total   int     `json:"total"`
	HasMore bool    `json:"hasMore"`
	Next    *string `json:"nextCursor"`
}

// fault is an error with the status that it is answered with.
type fault struct {
	status        int
	code, message string
}

func (f *fault) Error() string { return f.message }

// Serve answers a request of Ark's HTTP API of memories: conversations, messages, and those of a Query. rest is the path that
// Owns has accepted; rights have been checked.
func (s *Store) Serve(w http.ResponseWriter, r *http.Request, namespace, rest string) {
	answer, err := s.answer(r, namespace, strings.Split(rest, "/"))
	status := http.StatusOK
	if err != nil {
		var known *fault
		var invalid *InvalidError
		switch {
		case errors.As(err, &known):
		case errors.As(err, &invalid):
			known = &fault{http.StatusBadRequest, "BAD_REQUEST", err.Error()}
		default:
			known = &fault{http.StatusServiceUnavailable, "UNAVAILABLE", err.Error()}
		}
		status, answer = known.status, map[string]any{"error": map[string]string{"code": known.code, "message": known.message}}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a client that has gone does not matter
}

// answer carries out a request.
func (s *Store) answer(r *http.Request, namespace string, path []string) (any, error) {
	ctx := r.Context()
	deleted := map[string]string{"status": "deleted"}
	switch on := r.Method + " " + path[0]; {
	case on == "POST conversations" && len(path) == 1:
		id, err := s.Begin(ctx, namespace)
		return map[string]string{"conversation_id": id}, err
	case on == "GET conversations" && len(path) == 1:
		all, err := s.List(ctx, namespace)
		return page{Items: orEmpty(all), Total: len(all)}, err
	case on == "GET conversations" && len(path) == 2:
		return s.get(r, namespace, path[1], "")
	case on == "DELETE conversations" && len(path) == 2:
		return deleted, s.Delete(ctx, namespace, path[1])
	case on == "DELETE conversations" && len(path) == 5 && path[2] == "queries" && path[4] == "messages":
		return deleted, s.DeleteQuery(ctx, namespace, path[3], path[1])
	case on == "DELETE queries" && len(path) == 3 && path[2] == "messages":
		return deleted, s.DeleteQuery(ctx, namespace, path[1], "")
	case on == "POST messages" && len(path) == 1:
		return map[string]string{"status": "stored"}, s.post(r, namespace)
	case on == "GET messages" && len(path) == 1:
		if r.URL.Query().Get("watch") == "true" {
			return nil, &fault{http.StatusNotImplemented, "NOT_IMPLEMENTED", "messages cannot be watched yet: ask again with the cursor"}
		}
		return s.get(r, namespace, r.URL.Query().Get("conversation_id"), r.URL.Query().Get("query_id"))
	case on == "GET memory-status":
		all, err := s.List(ctx, namespace)
		return map[string]int{"conversations": len(all)}, err
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
func (s *Store) get(r *http.Request, namespace, id, query string) (any, error) {
	limit, after := defaultPage, int64(0)
	var err error
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPage {
			return nil, &InvalidError{fmt.Sprintf("limit is to be 1 to %d", maxPage)}
		}
	}
	if text := r.URL.Query().Get("cursor"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, &InvalidError{"cursor is to be the nextCursor of the page before"}
		}
	}
	all, err := s.Messages(r.Context(), namespace, id, query)
	if err != nil {
		return nil, err
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
		next := strconv.FormatInt(items[len(items)-1].Sequence, 10)
		out.Next = &next
	}
	out.Items = items
	return out, nil
}
