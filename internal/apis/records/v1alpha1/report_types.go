package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ReadyLabel is on the reports that the server brings along. They are read-only, and in every namespace.
const ReadyLabel = "records.ark.mckinsey.com/ready"

// Report is a statement in SQL with a name. It holds no rows: an SQLQuery with spec.report runs it, and returns what its
// caller may list.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type Report struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the statement.
	Spec ReportSpec `json:"spec"`
}

// ReportSpec is the statement of a report.
type ReportSpec struct {
	// description says what the report shows.
	Description string `json:"description,omitempty"`
	// query is one SELECT, in SQLite's dialect, over the views that SQLQueries have.
	Query string `json:"query"`
	// parameters are the names of the parameters that the query has, with the values that count where a run gives none: text,
	// numbers, booleans or null.
	Parameters *runtime.RawExtension `json:"parameters,omitempty"`
	// columns describe the columns of the answer, in order. Leave them out, or name all.
	// +listType=atomic
	Columns []ReportColumn `json:"columns,omitempty"`
}

// ReportColumn describes a column of a report's answer.
type ReportColumn struct {
	// name is the column's name in the answer.
	Name string `json:"name"`
	// description says what the column's values are.
	Description string `json:"description,omitempty"`
}

// ReportList is a list of reports.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	// items are the reports.
	Items []Report `json:"items"`
}
