package chat

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// Responses stores, by the UID of a response's Query, the data that the Query does not contain.
type Responses interface {
	// Keep stores data. There is one entry for each UID.
	Keep(ctx context.Context, uid string, data []byte) error
	// Get returns data, or nil if there is none.
	Get(ctx context.Context, uid string) ([]byte, error)
	// Forget deletes data.
	Forget(ctx context.Context, uid string) error
}

// maxKept is the most bytes that are stored for a response: the whole conversation up to it.
const maxKept = 7 << 20

// keptResponse is the stored data of a response.
type keptResponse struct {
	Namespace string `json:"namespace"`
	Query     string `json:"query"`
	// User is the user that made the request. Others may read the response if they may get its Query.
	User string `json:"user"`
	// Target is the id that a key has to permit.
	Target string `json:"target"`
	// Asked has the fields of the request that the response repeats.
	Asked responseAsked `json:"asked"`
	// Input are the items of this request, and Messages the conversation up to them, without
	// instructions.
	Input    []json.RawMessage `json:"input"`
	Messages []json.RawMessage `json:"messages"`
}

const responsePrefix = "resp_"

func noResponse(id string) *Fault {
	return &Fault{Status: http.StatusNotFound, Type: typeNotFound, Code: text("response_not_found"), Message: "there is no response " + id}
}

// response is a stored response with its Query.
type response struct {
	id    string
	kept  keptResponse
	query *v1alpha1.Query
}

// findResponse returns a response that the caller may read: its own, or one whose Query it may get.
func (s *Server) findResponse(ctx context.Context, who asker, id string) (*response, *Fault) {
	uid, ok := strings.CutPrefix(id, responsePrefix)
	if !ok || uid == "" || len(uid) > 64 || s.options.Responses == nil {
		return nil, noResponse(id)
	}
	data, err := s.options.Responses.Get(ctx, uid)
	if err != nil {
		return nil, serverFault(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	out := &response{id: id, query: &v1alpha1.Query{}}
	if data == nil {
		return nil, noResponse(id)
	}
	if err := json.Unmarshal(data, &out.kept); err != nil {
		return nil, serverFault(http.StatusInternalServerError, "internal_error", "the response in the database is damaged")
	}
	k := &out.kept
	if who.namespace != "" && who.namespace != k.Namespace || len(who.targets) > 0 && !slices.Contains(who.targets, k.Target) {
		return nil, noResponse(id)
	}
	reader := who.caller
	if k.User == who.user.GetName() {
		reader = s.system
	}
	err = reader.call(ctx, http.MethodGet, resourcePath(k.Namespace, "queries", k.Query), nil, out.query)
	switch fault := (*Fault)(nil); {
	case err != nil:
		if fault = faultOf(err); fault.Status == http.StatusNotFound || fault.Status == http.StatusForbidden {
			return nil, noResponse(id)
		}
		return nil, fault
	case string(out.query.UID) != uid: // the name belongs to another Query now
		return nil, noResponse(id)
	}
	return out, nil
}

// remove deletes a response and its Query. The caller needs the right to delete the Query.
func (s *Server) remove(ctx context.Context, who asker, found *response) *Fault {
	uid := found.query.UID
	options := metav1.DeleteOptions{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"}, Preconditions: &metav1.Preconditions{UID: &uid}}
	err := who.call(ctx, http.MethodDelete, resourcePath(found.kept.Namespace, "queries", found.kept.Query), options, nil)
	if err != nil {
		if fault := faultOf(err); fault.Status != http.StatusNotFound {
			return fault
		}
	}
	if err := s.options.Responses.Forget(ctx, string(uid)); err != nil {
		return serverFault(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	return nil
}
