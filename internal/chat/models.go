package chat

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// v1Object is what is read of an object that can be asked.
type v1Object struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	// Spec is that of a Team; the others' is not looked at.
	Spec struct {
		Strategy string          `json:"strategy"`
		Loops    json.RawMessage `json:"loops"`
		MaxTurns json.RawMessage `json:"maxTurns"`
		Members  []struct {
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"members"`
	} `json:"spec"`
}

// speaker returns the member of a team whose text is the team's answer, where that is known before; otherwise "".
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

// listModels lists what the caller may get in a namespace.
func (s *Server) listModels(w http.ResponseWriter, r *http.Request, who asker) *Fault {
	namespace, fault := who.namespaceOf(r, "")
	if fault != nil {
		return fault
	}
	list := modelList{Object: "list", Data: []modelInfo{}}
	for _, k := range kinds {
		may, err := s.options.Access.Ask(r.Context(), who.user, access.Question{
			Verb: "get", Group: v1alpha1.SchemeGroupVersion.Group, Version: v1alpha1.SchemeGroupVersion.Version, Resource: k.resource, Namespaces: []string{namespace},
		})
		if err != nil {
			return serverFault(http.StatusServiceUnavailable, "internal_error", err.Error())
		}
		found := &metav1.PartialObjectMetadataList{}
		err = s.system.call(r.Context(), http.MethodGet, resourcePath(namespace, k.resource, ""), nil, found)
		if err != nil {
			return faultOf(err)
		}
		for i := range found.Items {
			o := &found.Items[i]
			t := target{namespace, k.kind, o.Name}
			if may.Allows(namespace, o.Name) && (len(who.targets) == 0 || slices.Contains(who.targets, t.id())) {
				list.Data = append(list.Data, newModelInfo(t.id(), o.CreationTimestamp.Unix()))
			}
		}
	}
	slices.SortStableFunc(list.Data, func(a, b modelInfo) int { return cmp.Compare(a.ID, b.ID) })
	writeJSON(w, list)
	return nil
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // a client that has gone does not matter
}
