package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// v1Object has the fields that are read of an object that can be a target.
type v1Object struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	// Spec is that of a Team. Of other targets only the description is used, and of a Query the
	// status.
	Spec struct {
		Description string          `json:"description"`
		Strategy    string          `json:"strategy"`
		Loops       json.RawMessage `json:"loops"`
		MaxTurns    json.RawMessage `json:"maxTurns"`
		Members     []struct {
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"members"`
	} `json:"spec"`
	Status struct {
		Phase    string `json:"phase"`
		Response struct {
			Content string `json:"content"`
		} `json:"response"`
	} `json:"status"`
}

// speaker returns the member of a team whose text is the team's answer, if that is known in
// advance; otherwise "".
func (o *v1Object) speaker() string {
	members := o.Spec.Members
	if o.Spec.Strategy != "sequential" || present(o.Spec.Loops) && string(o.Spec.Loops) != "false" || len(members) == 0 {
		return ""
	}
	last := members[len(members)-1]
	for _, m := range members[:len(members)-1] {
		if m.Name == last.Name || m.Type == "team" {
			return ""
		}
	}
	if last.Type != "agent" {
		return ""
	}
	return last.Name
}

type modelInfo struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

type modelList struct {
	Object string      `json:"object"`
	Data   []modelInfo `json:"data"`
}

func newModelInfo(id string, created int64) modelInfo {
	return modelInfo{ID: id, Object: "model", Created: created, OwnedBy: "ark"}
}

func (s *Server) getModel(w http.ResponseWriter, r *http.Request, who asker, id string) *Fault {
	_, object, fault := s.find(r, who, id)
	if fault != nil {
		return fault
	}
	writeJSON(w, newModelInfo(id, object.Metadata.CreationTimestamp.Unix()))
	return nil
}

// listModels lists the targets in a namespace that the caller may get.
func (s *Server) listModels(w http.ResponseWriter, r *http.Request, who asker) *Fault {
	namespace, fault := who.namespaceOf(r, "")
	if fault != nil {
		return fault
	}
	list := modelList{Object: "list", Data: []modelInfo{}}
	for _, k := range kinds {
		found, err := s.visible(r.Context(), who, namespace, k.kind)
		if err != nil {
			return faultOf(err)
		}
		for _, o := range found {
			list.Data = append(list.Data, newModelInfo(target{namespace, k.kind, o.Metadata.Name}.id(), o.Metadata.CreationTimestamp.Unix()))
		}
	}
	slices.SortStableFunc(list.Data, func(a, b modelInfo) int { return cmp.Compare(a.ID, b.ID) })
	writeJSON(w, list)
	return nil
}

// visible returns the objects of a kind in a namespace that the caller may get and that the key
// permits.
func (s *Server) visible(ctx context.Context, who asker, namespace string, kind v1alpha1.QueryTargetType) ([]v1Object, error) {
	resource := target{kind: kind}.resource()
	var found struct {
		Items []v1Object `json:"items"`
	}
	if err := s.system.call(ctx, http.MethodGet, resourcePath(namespace, resource, ""), nil, &found); err != nil {
		return nil, err
	}
	names := make([]string, len(found.Items))
	for i := range found.Items {
		names[i] = found.Items[i].Metadata.Name
	}
	may, err := s.options.Access.Ask(ctx, who.user, access.Question{
		Verb: "get", Group: v1alpha1.SchemeGroupVersion.Group, Version: v1alpha1.SchemeGroupVersion.Version, Resource: resource,
		Namespaces: []string{namespace}, Names: map[string][]string{namespace: names},
	})
	if err != nil {
		return nil, serverFault(http.StatusServiceUnavailable, "internal_error", err.Error())
	}
	return slices.DeleteFunc(found.Items, func(o v1Object) bool {
		id := target{namespace, kind, o.Metadata.Name}.id()
		return !may.Allows(namespace, o.Metadata.Name) || len(who.targets) > 0 && !slices.Contains(who.targets, id)
	}), nil
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
