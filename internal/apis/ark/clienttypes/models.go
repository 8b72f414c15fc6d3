package clienttypes

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ModelSpec is the spec of a Model.
type ModelSpec struct {
	Model        ValueSource      `json:"model"`
	Type         string           `json:"type,omitempty"`
	Provider     string           `json:"provider,omitempty"`
	Config       ModelConfig      `json:"config"`
	PollInterval *metav1.Duration `json:"pollInterval,omitempty"`
}

// ModelConfig is how to reach a Model.
type ModelConfig struct {
	OpenAI    *OpenAI    `json:"openai,omitempty"`
	Azure     *Azure     `json:"azure,omitempty"`
	Bedrock   *Bedrock   `json:"bedrock,omitempty"`
	Anthropic *Anthropic `json:"anthropic,omitempty"`
}

// OpenAI is a Model at OpenAI.
type OpenAI struct {
	BaseURL    ValueSource            `json:"baseUrl"`
	APIKey     ValueSource            `json:"apiKey"`
	Headers    []Header               `json:"headers,omitempty"`
	Properties map[string]ValueSource `json:"properties,omitempty"`
}

// Anthropic is a Model at Anthropic.
type Anthropic struct {
	BaseURL    ValueSource            `json:"baseUrl"`
	APIKey     ValueSource            `json:"apiKey"`
	Version    *ValueSource           `json:"version,omitempty"`
	Headers    []Header               `json:"headers,omitempty"`
	Properties map[string]ValueSource `json:"properties,omitempty"`
}

// Azure is a Model at Azure.
type Azure struct {
	BaseURL    ValueSource            `json:"baseUrl"`
	Auth       *AzureAuth             `json:"auth,omitempty"`
	APIKey     *ValueSource           `json:"apiKey,omitempty"`
	APIVersion *ValueSource           `json:"apiVersion,omitempty"`
	Headers    []Header               `json:"headers,omitempty"`
	Properties map[string]ValueSource `json:"properties,omitempty"`
}

// AzureAuth is one way to authorize.
type AzureAuth struct {
	APIKey           *ValueSource      `json:"apiKey,omitempty"`
	ManagedIdentity  *ManagedIdentity  `json:"managedIdentity,omitempty"`
	WorkloadIdentity *WorkloadIdentity `json:"workloadIdentity,omitempty"`
}

// ManagedIdentity is an identity of Azure's.
type ManagedIdentity struct {
	ClientID *ValueSource `json:"clientId,omitempty"`
}

// WorkloadIdentity is an identity of the cluster's.
type WorkloadIdentity struct {
	ClientID ValueSource `json:"clientId"`
	TenantID ValueSource `json:"tenantId"`
}

// Bedrock is a Model at AWS.
type Bedrock struct {
	Region          *ValueSource           `json:"region,omitempty"`
	BaseURL         *ValueSource           `json:"baseUrl,omitempty"`
	AccessKeyID     *ValueSource           `json:"accessKeyId,omitempty"`
	SecretAccessKey *ValueSource           `json:"secretAccessKey,omitempty"`
	SessionToken    *ValueSource           `json:"sessionToken,omitempty"`
	APIKey          *ValueSource           `json:"apiKey,omitempty"`
	ModelARN        *ValueSource           `json:"modelArn,omitempty"`
	MaxTokens       *int                   `json:"maxTokens,omitempty"`
	Temperature     *string                `json:"temperature,omitempty"`
	Properties      map[string]ValueSource `json:"properties,omitempty"`
}
