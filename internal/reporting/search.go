package reporting

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/search"
)

const searchKind = "Search"

// searchSpec is the spec of a search.
type searchSpec struct {
	Query         string   `json:"query"`
	AllNamespaces bool     `json:"allNamespaces,omitempty"`
	Limit         int      `json:"limit,omitempty"`
	Continue      string   `json:"continue,omitempty"`
	Sort          string   `json:"sort,omitempty"`
	Facets        []string `json:"facets,omitempty"`
}

// searchObject is the object that a client creates.
type searchObject struct {
	APIVersion string         `json:"apiVersion,omitempty"`
	Kind       string         `json:"kind,omitempty"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	Spec       searchSpec     `json:"spec"`
	Status     *searchStatus  `json:"status,omitempty"`
}

type searchStatus struct {
	*search.Result
	freshness
}

func (s *Server) serveSearch(w http.ResponseWriter, r *http.Request, who user.Info, namespace string) error {
	asked, err := searchOf(r)
	if err != nil {
		return err
	}
	fresh, err := s.shown(w, r, search.UsesHistory(asked.Spec.Query))
	if err != nil {
		return err
	}
	rows, err := s.rows(r.Context(), who, asked.Spec.AllNamespaces, namespace, "", search.UsesHistory(asked.Spec.Query))
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	result, err := s.search.Search(r.Context(), search.Request{
		Query: asked.Spec.Query, Rows: rows, Limit: asked.Spec.Limit, Continue: asked.Spec.Continue, Sort: asked.Spec.Sort,
	})
	var fault *search.Error
	switch {
	case errors.As(err, &fault):
		return apierrors.NewBadRequest(fault.Message)
	case err != nil && r.Context().Err() != nil:
		return apierrors.NewTimeoutError("the search took too long: add words or fields", 0)
	case err != nil:
		return apierrors.NewInternalError(errors.New("the read model cannot be searched"))
	}
	if len(asked.Spec.Facets) > 0 {
		for facet := range result.Facets {
			if !slices.Contains(asked.Spec.Facets, facet) {
				delete(result.Facets, facet)
			}
		}
	}
	asked.APIVersion, asked.Kind = GroupVersion, searchKind
	if asked.Metadata == nil {
		asked.Metadata = map[string]any{}
	}
	asked.Metadata["namespace"] = namespace
	asked.Status = &searchStatus{result, fresh}
	code := http.StatusOK
	if r.Method == http.MethodPost {
		code = http.StatusCreated
	}
	var answer any = asked
	if wantsTable(r.Header.Get("Accept")) {
		answer = searchTable(asked)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
	return nil
}

// searchOf decodes a request: the object of a POST, or the parameters of a GET.
func searchOf(r *http.Request) (*searchObject, error) {
	asked := &searchObject{}
	if r.Method == http.MethodPost {
		if err := strictly(r.Body, searchKind, asked); err != nil {
			return nil, err
		}
		if asked.Kind != "" && asked.Kind != searchKind || asked.APIVersion != "" && asked.APIVersion != GroupVersion {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("the request is a %s of %s, want a %s of %s", asked.Kind, asked.APIVersion, searchKind, GroupVersion))
		}
		if asked.Status != nil {
			return nil, apierrors.NewBadRequest("status is the server's: leave it out")
		}
	} else {
		values := r.URL.Query()
		asked.Spec = searchSpec{Query: values.Get("q"), Continue: values.Get("continue"), Sort: values.Get("sort"), AllNamespaces: values.Get("allNamespaces") == "true"}
		if text := values.Get("limit"); text != "" {
			limit, err := strconv.Atoi(text)
			if err != nil {
				return nil, apierrors.NewBadRequest("limit is no number")
			}
			asked.Spec.Limit = limit
		}
	}
	if asked.Spec.Limit < 0 || asked.Spec.Limit > search.MaxLimit {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("limit is %d: use 1 to %d", asked.Spec.Limit, search.MaxLimit))
	}
	for _, facet := range asked.Spec.Facets {
		if !slices.Contains([]string{"kind", "namespace", "phase"}, facet) {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("there is no facet %q: use kind, namespace or phase", facet))
		}
	}
	return asked, nil
}

func wantsTable(accept string) bool {
	first, _, _ := strings.Cut(accept, ",")
	media, parameters, err := mime.ParseMediaType(first)
	return err == nil && media == "application/json" && parameters["as"] == "Table"
}

func searchTable(q *searchObject) metav1.Table {
	table := metav1.Table{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "Table"}, Rows: []metav1.TableRow{}}
	table.ResourceVersion = q.Status.ResourceVersion
	for _, name := range []string{"Kind", "Namespace", "Name", "Phase", "Text"} {
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: name, Type: "string"})
	}
	for _, item := range q.Status.Items {
		text := ""
		if n := len(item.Snippets); n > 0 {
			text = strings.Join(strings.Fields(item.Snippets[n-1].Text), " ")
		}
		o := item.Object
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{o.Kind, o.Namespace, o.Name, o.Phase, text}})
	}
	return table
}
