package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// SQLQuery runs one SELECT over the Ark objects that you may list. It is answered at once, and not kept.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type SQLQuery struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the question.
	Spec SQLQuerySpec `json:"spec"`
	// status is the answer: columns, rows, truncated, resourceVersion, lagMilliseconds and elapsedMilliseconds.
	Status *runtime.RawExtension `json:"status,omitempty"`
}

// SQLQuerySpec is a question in SQL.
type SQLQuerySpec struct {
	// query is one SELECT, in SQLite's dialect. Leave it out where report is set.
	Query string `json:"query,omitempty"`
	// report is the name of a Report whose query is run.
	Report string `json:"report,omitempty"`
	// parameters are the values of those that the query has, by name.
	Parameters *runtime.RawExtension `json:"parameters,omitempty"`
	// allNamespaces asks for the objects of all namespaces, instead of those in the request's.
	AllNamespaces bool `json:"allNamespaces,omitempty"`
	// limit is the most rows of the answer.
	Limit int32 `json:"limit,omitempty"`
	// timeoutSeconds bounds the time that the query may take.
	TimeoutSeconds float64 `json:"timeoutSeconds,omitempty"`
}

// Search looks for words in the Ark objects that you may list. It is answered at once, and not kept.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type Search struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the question.
	Spec SearchSpec `json:"spec"`
	// status is the answer: items, total, facets, continue, resourceVersion and lagMilliseconds.
	Status *runtime.RawExtension `json:"status,omitempty"`
}

// SearchSpec is a question in words.
type SearchSpec struct {
	// query has words, "phrases", -words, OR, prefix* and field:value.
	Query string `json:"query"`
	// allNamespaces asks for the objects of all namespaces, instead of those in the request's.
	AllNamespaces bool `json:"allNamespaces,omitempty"`
	// limit is the most items of the answer.
	Limit int32 `json:"limit,omitempty"`
	// continue is the one of the answer before.
	Continue string `json:"continue,omitempty"`
	// sort is the order of the items.
	Sort string `json:"sort,omitempty"`
	// facets are what is counted: kind, namespace, phase.
	// +listType=atomic
	Facets []string `json:"facets,omitempty"`
}

// Summary counts and adds up the Ark objects of one kind that you may list, without SQL. It is answered at once, and not kept.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type Summary struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the question.
	Spec SummarySpec `json:"spec"`
	// status is the answer: columns, rows, truncated, resourceVersion, lagMilliseconds and elapsedMilliseconds.
	Status *runtime.RawExtension `json:"status,omitempty"`
}

// SummarySpec says what is counted.
type SummarySpec struct {
	// kind is that of the objects, such as Query.
	Kind string `json:"kind"`
	// groupBy are columns of the kind's view, or minute, hour, day, week and month of the time of creation.
	// +listType=atomic
	GroupBy []string `json:"groupBy,omitempty"`
	// metrics are count, and of a column count(c), distinct(c), sum(c), avg(c), min(c), max(c) and p1(c) to p99(c).
	// +listType=atomic
	Metrics []string `json:"metrics,omitempty"`
	// where are columns and what they must be; null for no value.
	Where *runtime.RawExtension `json:"where,omitempty"`
	// since bounds the time of creation: a date, or a time in RFC 3339.
	Since string `json:"since,omitempty"`
	// until bounds the time of creation: a date, or a time in RFC 3339.
	Until string `json:"until,omitempty"`
	// orderBy is a group or a metric, with - before it for the greatest first.
	OrderBy string `json:"orderBy,omitempty"`
	// allNamespaces asks for the objects of all namespaces, instead of those in the request's.
	AllNamespaces bool `json:"allNamespaces,omitempty"`
	// limit is the most rows of the answer.
	Limit int32 `json:"limit,omitempty"`
}
