package reporting

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	reports    = "reports"
	reportKind = "Report"
)

//go:embed reports.yaml
var readyReports []byte

// report is a statement with a name. Its parameters have the values that a request leaves out.
type report struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Query       string         `json:"query"`
	Parameters  map[string]any `json:"parameters,omitempty"`
}

// readReports reads the ready reports, by their names.
func readReports() (map[string]report, error) {
	text, err := yaml.ToJSON(readyReports)
	if err != nil {
		return nil, err
	}
	var list []report
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	all := make(map[string]report, len(list))
	for _, r := range list {
		all[r.Name] = r
	}
	return all, nil
}

// reportObject is a report as the API has it.
type reportObject struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   map[string]any `json:"metadata"`
	Spec       reportSpec     `json:"spec"`
}

type reportSpec struct {
	Description string         `json:"description"`
	Query       string         `json:"query"`
	Parameters  map[string]any `json:"parameters,omitempty"`
}

func (r report) object(namespace string) reportObject {
	return reportObject{GroupVersion, reportKind, map[string]any{"name": r.Name, "namespace": namespace}, reportSpec{r.Description, r.Query, r.Parameters}}
}

func noReport(name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Group: group, Resource: reports}, name)
}

// serveReports lists the ready reports, or returns one. They hold no rows: sqlqueries run them.
func (s *Server) serveReports(w http.ResponseWriter, r *http.Request, namespace string) error {
	_, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix+namespace+"/"), "/")
	ready, err := readReports()
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	var answer any
	switch one, ok := ready[name]; {
	case ok:
		answer = one.object(namespace)
	case name != "":
		return noReport(name)
	case wantsTable(r.Header.Get("Accept")):
		table := metav1.Table{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "Table"}, Rows: []metav1.TableRow{},
			ColumnDefinitions: []metav1.TableColumnDefinition{{Name: "Name", Type: "string", Format: "name"}, {Name: "Description", Type: "string"}}}
		for _, name := range slices.Sorted(maps.Keys(ready)) {
			table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{name, ready[name].Description}})
		}
		answer = table
	default:
		items := []reportObject{}
		for _, name := range slices.Sorted(maps.Keys(ready)) {
			items = append(items, ready[name].object(namespace))
		}
		answer = map[string]any{"apiVersion": GroupVersion, "kind": reportKind + "List", "metadata": map[string]any{}, "items": items}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone cannot be told
	return nil
}

// fromReport fills in the statement of a request that names a report, and the parameters that it leaves out.
func fromReport(asked *spec) error {
	if asked.Report == "" {
		return nil
	}
	ready, err := readReports()
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	one, ok := ready[asked.Report]
	if !ok {
		return noReport(asked.Report)
	}
	asked.Query = one.Query
	parameters := maps.Clone(one.Parameters)
	for name, value := range asked.Parameters {
		if _, known := parameters[name]; !known {
			return apierrors.NewBadRequest(fmt.Sprintf("the report %s has no parameter %q: it has %s", one.Name, name, strings.Join(slices.Sorted(maps.Keys(parameters)), ", ")))
		}
		parameters[name] = value
	}
	asked.Parameters = parameters
	return nil
}
