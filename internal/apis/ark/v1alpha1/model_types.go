package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Model is a language model at a provider.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:supportsSubresource="/status"
type Model struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the model is and how to reach it.
	Spec ModelSpec `json:"spec,omitempty"`
	// What the controller has found out about it.
	//
	// +k8s:optional
	Status *ModelStatus `json:"status,omitempty"`
	// Fields of the object's text that this release does not declare.
	//
	// +k8s:opaqueType
	Unknown objectjson.UnknownFields `json:"-"`
}

// MarshalJSON implements objectjson.Object.
func (o *Model) MarshalJSON() ([]byte, error) { return objectjson.Marshal(o.Plain()) }

// UnmarshalJSON implements objectjson.Object.
func (o *Model) UnmarshalJSON(text []byte) error { return objectjson.Unmarshal(text, o.Plain()) }

// UnknownFields implements objectjson.Object.
func (o *Model) UnknownFields() *objectjson.UnknownFields { return &o.Unknown }

// Plain implements objectjson.Object.
func (o *Model) Plain() any {
	type plain Model
	return (*plain)(o)
}

// ModelType is the kind of API that a model offers. The values that name
// providers are from a time before spec.provider existed.
//
// +enum
// +k8s:enum
type ModelType string

const (
	// ModelTypeCompletions is the chat completions API.
	ModelTypeCompletions ModelType = "completions"
	// ModelTypeOpenAI is an old way to name the provider.
	ModelTypeOpenAI ModelType = "openai"
	// ModelTypeAzure is an old way to name the provider.
	ModelTypeAzure ModelType = "azure"
	// ModelTypeBedrock is an old way to name the provider.
	ModelTypeBedrock ModelType = "bedrock"
	// ModelTypeAnthropic is an old way to name the provider.
	ModelTypeAnthropic ModelType = "anthropic"
)

// ModelProvider is who runs a model. It says which part of the configuration
// counts.
//
// +enum
// +k8s:enum
type ModelProvider string

const (
	// ModelProviderOpenAI is OpenAI or any server with its API.
	ModelProviderOpenAI ModelProvider = "openai"
	// ModelProviderAzure is Azure OpenAI.
	ModelProviderAzure ModelProvider = "azure"
	// ModelProviderBedrock is AWS Bedrock.
	ModelProviderBedrock ModelProvider = "bedrock"
	// ModelProviderAnthropic is Anthropic.
	ModelProviderAnthropic ModelProvider = "anthropic"
)

// ModelSpec describes a model.
type ModelSpec struct {
	// The provider's name for the model.
	//
	// +required
	// +k8s:required
	Model *ValueSource `json:"model,omitempty"`

	// The kind of API that the model offers.
	//
	// +k8s:optional
	// +default="completions"
	Type *ModelType `json:"type,omitempty"`

	// Who runs the model.
	//
	// +required
	// +k8s:required
	Provider ModelProvider `json:"provider,omitempty"`

	// How to reach the model; the part named like the provider counts.
	//
	// +required
	// +k8s:required
	Config *ModelConfig `json:"config,omitempty"`

	// How often the controller checks that the model answers.
	//
	// +k8s:optional
	// +default="1m"
	PollInterval *Duration `json:"pollInterval,omitempty"`
}

// ModelStatus is the observed state of a model.
type ModelStatus struct {
	// Address at which the model was last reached.
	//
	// +k8s:optional
	ResolvedAddress *string `json:"resolvedAddress,omitempty"`

	// The condition ModelAvailable tells whether the model answers.
	//
	// +optional
	Conditions []Condition `json:"conditions,omitzero"`
}

// ModelList is a list of models.
//
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
type ModelList struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// +k8s:opaqueType
	metav1.ListMeta `json:"metadata,omitempty"`

	// The models.
	Items []Model `json:"items"`
}
