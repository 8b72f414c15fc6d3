package chat

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/engine/ask"
)

// responses answers a request of the Responses API. rest is the path after /v1/responses/.
func (s *Server) responses(w http.ResponseWriter, r *http.Request, who asker, rest string) *Fault {
	if rest == "" {
		if fault := method(r, http.MethodPost); fault != nil {
			return fault
		}
		return back(s.answerAs(&responseFormat{}, w, r, who))
	}
	id, action, _ := strings.Cut(rest, "/")
	allowed := map[string]string{"": http.MethodGet, "cancel": http.MethodPost, "input_items": http.MethodGet}[action]
	deletes := action == "" && r.Method == http.MethodDelete
	switch {
	case allowed == "":
		return &Fault{Status: http.StatusNotFound, Type: typeInvalid, Code: text("unknown_url"), Message: "there is no " + r.Method + " " + r.URL.Path}
	case !deletes:
		if fault := method(r, allowed); fault != nil {
			return fault
		}
	}
	found, fault := s.findResponse(r.Context(), who, id)
	if fault != nil {
		return fault
	}
	switch {
	case deletes:
		if fault := s.remove(r.Context(), who, found); fault != nil {
			return fault
		}
		writeJSON(w, map[string]any{"id": id, "object": "response", "deleted": true})
	case action == "cancel":
		if fault := s.cancelResponse(r.Context(), who, found); fault != nil {
			return fault
		}
		writeJSON(w, found.resource())
	case action == "input_items":
		writeJSON(w, found.inputItems(r.URL.Query().Get("order")))
	case wantsStream(r):
		return s.streamAgain(w, r, who, found)
	default:
		writeJSON(w, found.resource())
	}
	return nil
}

// cancelResponse cancels the Query of a response and waits for its end. For another user's response
// the caller needs the right to patch the Query.
func (s *Server) cancelResponse(ctx context.Context, who asker, found *response) *Fault {
	if ask.Ended(found.query) {
		return nil
	}
	if found.kept.User == who.user.GetName() {
		s.cancel(ctx, found.query)
	} else if err := who.patch(ctx, resourcePath(found.kept.Namespace, "queries", found.kept.Query), cancellation(found.query)); err != nil {
		return faultOf(err)
	}
	waiting, stop := context.WithTimeout(ctx, cancelTimeout)
	defer stop()
	// If the engine takes longer, the current state is returned: the client may ask again.
	found.query, _ = ask.Wait(waiting, s.options.System, found.query)
	return nil
}

type itemList struct {
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
	FirstID *string           `json:"first_id"`
	LastID  *string           `json:"last_id"`
	HasMore bool              `json:"has_more"`
}

// inputItems lists the items of a response's request, the newest first unless order is asc.
func (r *response) inputItems(order string) itemList {
	list := itemList{Object: "list", Data: []json.RawMessage{}}
	uid := strings.TrimPrefix(r.id, responsePrefix)
	ids := make([]string, 0, len(r.kept.Input))
	for i, raw := range r.kept.Input {
		id := itemID("in", uid, i)
		at := i
		if order != "asc" {
			at = 0
		}
		list.Data = append(list.Data[:at], append([]json.RawMessage{within(raw, "id", encode(id))}, list.Data[at:]...)...)
		ids = append(ids, id)
	}
	if n := len(ids); n > 0 {
		list.FirstID, list.LastID = &ids[n-1], &ids[0]
		if order == "asc" {
			list.FirstID, list.LastID = &ids[0], &ids[n-1]
		}
	}
	return list
}

// completedAt returns when the Query of a response ended, in seconds; nil if it has not.
func (r *response) completedAt() *int64 {
	if !ask.Ended(r.query) {
		return nil
	}
	at := time.Now()
	if r.query.Status != nil {
		for _, c := range r.query.Status.Conditions {
			if c.Type == "Completed" && !c.LastTransitionTime.IsZero() {
				at = c.LastTransitionTime.Time
			}
		}
	}
	seconds := at.Unix()
	return &seconds
}
