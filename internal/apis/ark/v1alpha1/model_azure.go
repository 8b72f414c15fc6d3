package v1alpha1

// AzureModelConfig reaches a model at Azure OpenAI.
type AzureModelConfig struct {
	// URL of the Azure resource.
	//
	// +required
	// +k8s:required
	BaseURL *ValueSource `json:"baseUrl,omitempty"`

	// How requests are authorized.
	//
	// +k8s:optional
	Auth *AzureAuth `json:"auth,omitempty"`

	// Key that authorizes requests. Newer manifests use auth.apiKey.
	//
	// +k8s:optional
	APIKey *ValueSource `json:"apiKey,omitempty"`

	// Version of the API, such as 2024-10-21.
	//
	// +k8s:optional
	APIVersion *ValueSource `json:"apiVersion,omitempty"`

	// HTTP headers to send with every request.
	//
	// +optional
	Headers []Header `json:"headers,omitzero"`

	// Further request parameters, such as temperature.
	//
	// +optional
	Properties map[string]ValueSource `json:"properties,omitzero"`
}

// AzureAuth is one way to authorize requests to Azure.
type AzureAuth struct {
	// An API key.
	//
	// +k8s:optional
	APIKey *ValueSource `json:"apiKey,omitempty"`

	// The identity that Azure gives to the machine.
	//
	// +k8s:optional
	ManagedIdentity *AzureManagedIdentity `json:"managedIdentity,omitempty"`

	// The identity of the pod's service account.
	//
	// +k8s:optional
	WorkloadIdentity *AzureWorkloadIdentity `json:"workloadIdentity,omitempty"`
}

// AzureManagedIdentity is the identity of the machine.
type AzureManagedIdentity struct {
	// Which identity, if the machine has several.
	//
	// +k8s:optional
	ClientID *ValueSource `json:"clientId,omitempty"`
}

// AzureWorkloadIdentity is the identity of the pod's service account.
type AzureWorkloadIdentity struct {
	// Client ID of the application.
	//
	// +required
	// +k8s:required
	ClientID *ValueSource `json:"clientId,omitempty"`

	// Tenant of the application.
	//
	// +required
	// +k8s:required
	TenantID *ValueSource `json:"tenantId,omitempty"`
}
