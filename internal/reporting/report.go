package reporting

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

//go:embed reports.yaml
var readyReports []byte

// checkTime bounds the trial run of a report's statement.
const checkTime = time.Second

// Reports finds reports that can be run by name.
type Reports interface {
	// Report returns a report that a user may run in a namespace.
	Report(ctx context.Context, who user.Info, namespace, name string) (*v1alpha1.Report, error)
}

// Statements has the ready reports, and checks other ones. It is safe for concurrent use.
type Statements struct {
	ready  []v1alpha1.Report
	runner *sqlquery.Runner // nil without a model
}

// NewStatements returns Statements that check on a model, which may be nil.
func NewStatements(model *readmodel.Model) (*Statements, error) {
	ready, err := readReports()
	if err != nil {
		return nil, fmt.Errorf("read the ready reports: %w", err)
	}
	s := &Statements{ready: ready}
	if model != nil {
		s.runner = sqlquery.New(model.Path())
	}
	return s, nil
}

// Ready returns the ready reports, sorted by name.
func (s *Statements) Ready() []v1alpha1.Report {
	all := make([]v1alpha1.Report, len(s.ready))
	for i := range s.ready {
		s.ready[i].DeepCopyInto(&all[i])
	}
	return all
}

// Check runs a statement on views without rows, and returns the columns of its answer, or its
// error. Columns are nil if they cannot be determined now.
func (s *Statements) Check(ctx context.Context, query string, parameters map[string]any) ([]string, error) {
	if s.runner == nil {
		return nil, nil
	}
	answer, err := s.runner.Run(ctx, sqlquery.Request{Query: query, Parameters: parameters, MaxRows: 1, Timeout: checkTime})
	var fault *sqlquery.Error
	if errors.As(err, &fault) {
		return nil, fault
	}
	if err != nil {
		return nil, nil //nolint:nilerr // the statement is not at fault: the answer may be possible another time
	}
	columns := make([]string, len(answer.Columns))
	for i, c := range answer.Columns {
		columns[i] = c.Name
	}
	return columns, nil
}

// readReports parses the ready reports, sorted by name.
func readReports() ([]v1alpha1.Report, error) {
	text, err := yaml.ToJSON(readyReports)
	if err != nil {
		return nil, err
	}
	var list []struct {
		Name, Description, Query string
		Parameters               json.RawMessage
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	all := make([]v1alpha1.Report, len(list))
	for i, r := range list {
		all[i] = v1alpha1.Report{
			TypeMeta:   metav1.TypeMeta{APIVersion: GroupVersion, Kind: "Report"},
			ObjectMeta: metav1.ObjectMeta{Name: r.Name},
			Spec:       v1alpha1.ReportSpec{Description: r.Description, Query: strings.ReplaceAll(r.Query, "{storage of each kind}", storageOfKinds())},
		}
		if len(r.Parameters) > 0 {
			all[i].Spec.Parameters = &runtime.RawExtension{Raw: r.Parameters}
		}
	}
	slices.SortFunc(all, func(a, b v1alpha1.Report) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// fromReport fills in the statement of a request that names a report, and the parameters that it
// omits.
func (s *Server) fromReport(ctx context.Context, who user.Info, namespace string, asked *spec) error {
	if asked.Report == "" {
		return nil
	}
	one, err := s.reports.Report(ctx, who, namespace, asked.Report)
	if err != nil {
		return err
	}
	asked.Query = one.Spec.Query
	parameters, err := one.Spec.Values()
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("the parameters of the report %s: %s", one.Name, err))
	}
	for name, value := range asked.Parameters {
		if _, known := parameters[name]; !known {
			has := strings.Join(slices.Sorted(maps.Keys(parameters)), ", ")
			if has == "" {
				has = "none"
			}
			return apierrors.NewBadRequest(fmt.Sprintf("the report %s has no parameter %q: it has %s", one.Name, name, has))
		}
		parameters[name] = value
	}
	asked.Parameters = parameters
	return nil
}

// storageOfKinds returns a statement over the views of all kinds.
func storageOfKinds() string {
	kinds := readmodel.Kinds()
	slices.SortFunc(kinds, func(a, b readmodel.Kind) int { return strings.Compare(a.Name, b.Name) })
	each := make([]string, len(kinds))
	for i, k := range kinds {
		each[i] = fmt.Sprintf("SELECT '%s' AS kind, count(*) AS objects, coalesce(sum(bytes), 0) AS bytes FROM %s", k.Name, k.Resource)
	}
	return strings.Join(each, " UNION ALL ") + " ORDER BY 3 DESC, 1"
}
