package v1alpha1

// ModelConfig holds one configuration per provider.
type ModelConfig struct {
	// For the provider openai.
	//
	// +k8s:optional
	OpenAI *OpenAIModelConfig `json:"openai,omitempty"`

	// For the provider azure.
	//
	// +k8s:optional
	Azure *AzureModelConfig `json:"azure,omitempty"`

	// For the provider bedrock.
	//
	// +k8s:optional
	Bedrock *BedrockModelConfig `json:"bedrock,omitempty"`

	// For the provider anthropic.
	//
	// +k8s:optional
	Anthropic *AnthropicModelConfig `json:"anthropic,omitempty"`
}

// OpenAIModelConfig reaches a model through the OpenAI API.
type OpenAIModelConfig struct {
	// URL of the API, such as https://api.openai.com/v1.
	//
	// +required
	// +k8s:required
	BaseURL *ValueSource `json:"baseUrl,omitempty"`

	// Key that authorizes requests.
	//
	// +required
	// +k8s:required
	APIKey *ValueSource `json:"apiKey,omitempty"`

	// HTTP headers to send with every request.
	//
	// +optional
	Headers []Header `json:"headers,omitzero"`

	// Further request parameters, such as temperature.
	//
	// +optional
	Properties map[string]ValueSource `json:"properties,omitzero"`
}

// AnthropicModelConfig reaches a model through the Anthropic API.
type AnthropicModelConfig struct {
	// URL of the API, such as https://api.anthropic.com.
	//
	// +required
	// +k8s:required
	BaseURL *ValueSource `json:"baseUrl,omitempty"`

	// Key that authorizes requests.
	//
	// +required
	// +k8s:required
	APIKey *ValueSource `json:"apiKey,omitempty"`

	// Version of the API, sent as the header anthropic-version.
	//
	// +k8s:optional
	Version *ValueSource `json:"version,omitempty"`

	// HTTP headers to send with every request.
	//
	// +optional
	Headers []Header `json:"headers,omitzero"`

	// Further request parameters, such as max_tokens.
	//
	// +optional
	Properties map[string]ValueSource `json:"properties,omitzero"`
}

// BedrockModelConfig reaches a model at AWS Bedrock. Without keys, the
// credentials of the environment are used.
type BedrockModelConfig struct {
	// AWS region, such as eu-central-1.
	//
	// +k8s:optional
	Region *ValueSource `json:"region,omitempty"`

	// URL of the API, if not the region's own.
	//
	// +k8s:optional
	BaseURL *ValueSource `json:"baseUrl,omitempty"`

	// AWS access key.
	//
	// +k8s:optional
	AccessKeyID *ValueSource `json:"accessKeyId,omitempty"`

	// Secret that belongs to the access key.
	//
	// +k8s:optional
	SecretAccessKey *ValueSource `json:"secretAccessKey,omitempty"`

	// Token of a temporary session.
	//
	// +k8s:optional
	SessionToken *ValueSource `json:"sessionToken,omitempty"`

	// Bedrock API key, in place of AWS credentials.
	//
	// +k8s:optional
	APIKey *ValueSource `json:"apiKey,omitempty"`

	// ARN of the model or inference profile, in place of the model's name.
	//
	// +k8s:optional
	ModelARN *ValueSource `json:"modelArn,omitempty"`

	// Most tokens that an answer may have, 1 to 100000.
	//
	// +k8s:optional
	// +k8s:minimum=1
	// +k8s:maximum=100000
	// +k8s:validation:minimum=1
	// +k8s:validation:maximum=100000
	MaxTokens *int64 `json:"maxTokens,omitempty"`

	// Sampling temperature from 0 to 1, as a decimal number.
	//
	// +k8s:optional
	// +k8s:validation:pattern>^(0(\.\d+)?|1(\.0+)?)$
	Temperature *string `json:"temperature,omitempty"`

	// Further request parameters.
	//
	// +optional
	Properties map[string]ValueSource `json:"properties,omitzero"`
}
