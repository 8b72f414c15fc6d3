package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// ArkConfig holds settings of the whole installation. Only the object named
// default is read.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type ArkConfig struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// The settings.
	Spec ArkConfigSpec `json:"spec,omitempty"`
	// Always empty.
	//
	// +k8s:optional
	Status *ArkConfigStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *ArkConfig) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *ArkConfig) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *ArkConfig) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *ArkConfig) Plain() any {
	type plain ArkConfig
	return (*plain)(o)
}

// ArkConfigSpec holds the settings.
type ArkConfigSpec struct {
	// How long queries without a ttl are kept after they have ended.
	//
	// +k8s:optional
	QueryTTL *Duration `json:"queryTTL,omitempty"`

	// The Memory, looked up in the query's namespace, of queries that name
	// none.
	//
	// +k8s:optional
	DefaultMemory *ResourceReference `json:"defaultMemory,omitempty"`
}

// ArkConfigStatus has no fields yet.
type ArkConfigStatus struct{}

// ArkConfigList is a list of settings.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ArkConfigList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The settings.
	Items []ArkConfig `json:"items"`
}
