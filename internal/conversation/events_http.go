package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OwnsEvents reports whether the rest of a path, without surrounding slashes, belongs to events and
// sessions.
func OwnsEvents(rest string) bool {
	first, _, _ := strings.Cut(rest, "/")
	return first == "events" || first == "sessions"
}

// numbered is a page of events or sessions, whose cursors are numbers.
type numbered struct {
	Items   any    `json:"items"`
	Total   int    `json:"total"`
	HasMore bool   `json:"hasMore"`
	Next    *int64 `json:"nextCursor,omitempty"`
	// Counts are the numbers of sessions by status.
	Counts map[string]int `json:"statusCounts,omitempty"`
}

// Serve answers a request of Ark's HTTP API of events and sessions. rest is the path that
// OwnsEvents has accepted; rights have been checked.
func (s *Events) Serve(w http.ResponseWriter, r *http.Request, namespace, rest string) {
	path := strings.Split(rest, "/")
	id := ""
	if len(path) > 1 {
		id = path[1]
	}
	done := map[string]string{"status": "success"}
	on := r.Method + " " + path[0]
	watch := r.URL.Query().Get("watch") == "true"
	switch {
	case on == "POST events" && id == "":
		s.post(w, r, s.Add, namespace)
	case on == "POST sessions" && id == "":
		s.post(w, r, s.AddSession, namespace)
	case on == "GET events" && len(path) <= 2 && watch:
		if err := s.watchEvents(w, r, namespace, id); err != nil {
			answerError(w, err)
		}
	case on == "GET events" && len(path) <= 2:
		out, err := s.events(r, namespace, id)
		answer(w, http.StatusOK, out, err)
	case on == "DELETE events" && len(path) <= 2:
		answer(w, http.StatusOK, done, s.Delete(r.Context(), namespace, id))
	case on == "GET sessions" && id == "" && watch:
		if err := s.watchSessions(w, r, namespace); err != nil {
			answerError(w, err)
		}
	case on == "GET sessions" && len(path) <= 2:
		out, err := s.sessions(r, namespace, id)
		answer(w, http.StatusOK, out, err)
	case on == "DELETE sessions" && id == "":
		answer(w, http.StatusOK, done, s.DeleteSessionQuery(r.Context(), namespace, ""))
	case on == "DELETE sessions" && id == "queries" && len(path) == 3:
		answer(w, http.StatusOK, done, s.DeleteSessionQuery(r.Context(), namespace, path[2]))
	default:
		answerError(w, &fault{http.StatusNotFound, "NOT_FOUND", "there is no " + r.Method + " of this path"})
	}
}

func (s *Events) post(w http.ResponseWriter, r *http.Request, add func(context.Context, string, []byte) error, namespace string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEvent+1))
	switch {
	case err != nil:
		err = &fault{http.StatusBadRequest, "INCOMPLETE", "the body has not come to its end"}
	case len(body) > maxEvent:
		err = &fault{http.StatusRequestEntityTooLarge, "TOO_LARGE", fmt.Sprintf("the event has more than %d bytes", maxEvent)}
	default:
		err = add(r.Context(), namespace, body)
	}
	answer(w, http.StatusCreated, map[string]string{"status": "success"}, err)
}

// number parses a parameter; the default is otherwise.
func number(r *http.Request, name string, least, most, otherwise int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, &InvalidError{fmt.Sprintf("%s is to be %d to %d", name, least, most)}
	}
	return n, nil
}

const maxCursor = 1<<63 - 1

// events returns a page of events.
func (s *Events) events(r *http.Request, namespace, query string) (any, error) {
	limit, err := number(r, "limit", 1, maxPage, defaultPage)
	if err != nil {
		return nil, err
	}
	after, err := number(r, "cursor", 0, maxCursor, 0)
	if err != nil {
		return nil, err
	}
	all, err := s.List(r.Context(), namespace, query, r.URL.Query().Get("session_id"))
	if err != nil {
		return nil, err
	}
	items := []json.RawMessage{}
	out := numbered{Total: len(all)}
	last := int64(0)
	for _, e := range all {
		switch {
		case e.Sequence <= after:
		case int64(len(items)) == limit:
			out.HasMore = true
		default:
			items = append(items, e.Event)
			last = e.Sequence
		}
	}
	if out.HasMore {
		out.Next = &last
	}
	out.Items = items
	return out, nil
}

// watchEvents sends the events after a cursor, or those of a Query from the beginning, and then new
// ones.
func (s *Events) watchEvents(w http.ResponseWriter, r *http.Request, namespace, query string) error {
	after, err := number(r, "cursor", 0, maxCursor, -1)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("from-beginning") == "true" {
		after = 0
	}
	session := r.URL.Query().Get("session_id")
	sent := map[int64]bool{}
	return s.feed.watch(w, r, topicEvents, namespace, func(send func(any) error) error {
		if after < 0 {
			return nil
		}
		all, err := s.List(r.Context(), namespace, query, session)
		if err != nil {
			return err
		}
		for _, e := range all {
			if sent[e.Sequence] = true; e.Sequence > after {
				if err := send(e.Event); err != nil {
					return err
				}
			}
		}
		return nil
	}, func(data []byte, send func(any) error) error {
		var e Event
		if err := json.Unmarshal(data, &e); err != nil {
			return err
		}
		if sent[e.Sequence] || query != "" && e.Query != query || session != "" && e.Session != session {
			return nil
		}
		return send(e.Event)
	})
}

// sessions returns one session, a page of them if the request asks for pages, and otherwise all.
func (s *Events) sessions(r *http.Request, namespace, id string) (any, error) {
	all, err := s.Sessions(r.Context(), namespace, id)
	if err != nil {
		return nil, err
	}
	if id != "" {
		if all[id] == nil {
			return nil, &fault{http.StatusNotFound, "NOT_FOUND", "there is no session " + id}
		}
		return all[id], nil
	}
	if q := r.URL.Query(); !q.Has("limit") && !q.Has("cursor") {
		return map[string]any{"sessions": all}, nil
	}
	limit, err := number(r, "limit", 1, maxPage, defaultPage)
	if err != nil {
		return nil, err
	}
	from, err := number(r, "cursor", 0, maxCursor, 0)
	if err != nil {
		return nil, err
	}
	wanted, err := wantedSessions(r)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(slices.Collect(maps.Values(all)), func(s *Session) bool { return !wanted(s) })
	sortSessions(list, r.URL.Query().Get("sort"), r.URL.Query().Get("order") != "asc")
	out := numbered{Total: len(list), Counts: map[string]int{statusActive: 0, statusIdle: 0, statusError: 0}}
	for _, one := range list {
		out.Counts[one.Status]++
	}
	begin := min(from, int64(len(list)))
	end := min(begin+limit, int64(len(list)))
	if out.HasMore = end < int64(len(list)); out.HasMore {
		out.Next = &end
	}
	out.Items = append([]*Session{}, list[begin:end]...)
	return out, nil
}

// wantedSessions parses the filter of a request for sessions.
func wantedSessions(r *http.Request) (func(*Session) bool, error) {
	q := r.URL.Query()
	status, search := q.Get("status"), strings.ToLower(q.Get("search"))
	if status != "" && status != statusActive && status != statusIdle && status != statusError {
		return nil, &InvalidError{"status is to be active, idle or error"}
	}
	var from, to time.Time
	for name, at := range map[string]*time.Time{"dateFrom": &from, "dateTo": &to} {
		if text := q.Get(name); text != "" {
			var err error
			if *at, err = time.Parse(time.RFC3339, text); err != nil {
				return nil, &InvalidError{name + " is to be a time such as 2026-11-30T12:00:00Z"}
			}
		}
	}
	return func(s *Session) bool {
		if status != "" && s.Status != status || !from.IsZero() && s.Active.Before(from) || !to.IsZero() && s.Active.After(to) {
			return false
		}
		texts := []string{s.ID, s.Name}
		for _, one := range s.Queries {
			texts = append(texts, one.Agent, one.Team, one.Tool)
		}
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), search) })
	}, nil
}

// sortSessions orders sessions by date, name or the number of conversations.
func sortSessions(list []*Session, by string, descending bool) {
	slices.SortFunc(list, func(a, b *Session) int {
		out := a.Active.Compare(b.Active)
		switch by {
		case "name":
			out = strings.Compare(a.Name, b.Name)
		case "conversations":
			out = len(a.Conversations) - len(b.Conversations)
		}
		if out == 0 {
			out = strings.Compare(a.ID, b.ID)
		}
		if descending {
			return -out
		}
		return out
	})
}

type watchedSession struct {
	ID      string   `json:"sessionId"`
	Session *Session `json:"session"`
}

// watchSessions sends all sessions, and each one again when it changes.
func (s *Events) watchSessions(w http.ResponseWriter, r *http.Request, namespace string) error {
	only := r.URL.Query().Get("session_id")
	return s.feed.watch(w, r, topicSessions, namespace, func(send func(any) error) error {
		all, err := s.Sessions(r.Context(), namespace, only)
		if err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if err := send(watchedSession{id, all[id]}); err != nil {
				return err
			}
		}
		return nil
	}, func(data []byte, send func(any) error) error {
		var change sessionChange
		if err := json.Unmarshal(data, &change); err != nil {
			return err
		}
		if only != "" && change.Session != only {
			return nil
		}
		now, err := s.Sessions(r.Context(), namespace, change.Session)
		if err != nil || now[change.Session] == nil {
			return err // a session that was deleted is not sent
		}
		return send(watchedSession{change.Session, now[change.Session]})
	})
}
