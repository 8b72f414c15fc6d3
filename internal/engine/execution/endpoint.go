package execution

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// client returns the client for a model, with the current values of its configuration.
func (r *Run) client(ctx context.Context, m *v1alpha1.Model) (provider.Model, error) {
	c := m.Spec.Config
	if c == nil {
		c = &v1alpha1.ModelConfig{}
	}
	b := endpointBuilder{run: r, ctx: ctx, values: objects.Values{From: r.Objects, Namespace: m.Namespace}}
	b.endpoint = provider.Endpoint{Client: r.Models, Retry: r.Retry, Headers: map[string]string{}, Properties: map[string]string{}}
	b.endpoint.Name = b.text("model", m.Spec.Model)
	switch m.Spec.Provider {
	case v1alpha1.ModelProviderOpenAI:
		if c.OpenAI == nil {
			return nil, errors.New("openai configuration is required for openai model type")
		}
		b.bearer(b.text("apiKey", c.OpenAI.APIKey))
		b.common(c.OpenAI.BaseURL, c.OpenAI.Headers, c.OpenAI.Properties)
		return provider.NewOpenAI(b.endpoint), b.err
	case v1alpha1.ModelProviderAnthropic:
		if c.Anthropic == nil {
			return nil, errors.New("anthropic configuration is required for anthropic model type")
		}
		if key := b.text("apiKey", c.Anthropic.APIKey); key != "" {
			b.endpoint.Headers["x-api-key"] = key
		}
		b.common(c.Anthropic.BaseURL, c.Anthropic.Headers, c.Anthropic.Properties)
		version := b.text("version", c.Anthropic.Version)
		return provider.NewAnthropic(b.endpoint, version), b.err
	case v1alpha1.ModelProviderAzure:
		if c.Azure == nil {
			return nil, errors.New("azure configuration is required for azure model type")
		}
		b.azure(c.Azure)
		b.common(c.Azure.BaseURL, c.Azure.Headers, c.Azure.Properties)
		version := b.text("apiVersion", c.Azure.APIVersion)
		if version == "" {
			version = azureVersion
		}
		return provider.NewAzure(b.endpoint, version), b.err
	case v1alpha1.ModelProviderBedrock:
		if c.Bedrock == nil {
			return nil, errors.New("bedrock configuration is required for bedrock model type")
		}
		options := b.bedrock(c.Bedrock)
		if b.err != nil {
			return nil, b.err
		}
		return provider.NewBedrock(ctx, b.endpoint, options, r.AWS)
	}
	return nil, fmt.Errorf("unsupported provider '%s'", m.Spec.Provider)
}

// azureVersion is the default API version, for Models that set none.
const azureVersion = "2024-10-21"

// endpointBuilder collects an endpoint's values until one of them fails.
type endpointBuilder struct {
	run      *Run
	ctx      context.Context //nolint:containedctx // it lives for one call of client
	values   objects.Values
	endpoint provider.Endpoint
	err      error
}

func (b *endpointBuilder) text(what string, source *v1alpha1.ValueSource) string {
	if b.err != nil {
		return ""
	}
	value, err := b.values.Source(b.ctx, source)
	if err != nil {
		b.err = fmt.Errorf("%s: %w", what, err)
		return ""
	}
	if value.Secret || what == "apiKey" {
		b.endpoint.Secrets = append(b.endpoint.Secrets, value.Text)
	}
	return strings.TrimSpace(value.Text)
}

// azure sets how requests are authorized: by a key, or by a token of an identity of the server's
// environment.
func (b *endpointBuilder) azure(c *v1alpha1.AzureModelConfig) {
	key, identity := c.APIKey, provider.AzureIdentity{}
	switch auth := c.Auth; {
	case auth == nil:
	case auth.ManagedIdentity != nil:
		identity.ClientID = b.text("auth.managedIdentity.clientId", auth.ManagedIdentity.ClientID)
		b.azureToken(identity)
		return
	case auth.WorkloadIdentity != nil:
		identity.Workload = true
		identity.ClientID = b.text("auth.workloadIdentity.clientId", auth.WorkloadIdentity.ClientID)
		identity.TenantID = b.text("auth.workloadIdentity.tenantId", auth.WorkloadIdentity.TenantID)
		b.azureToken(identity)
		return
	default:
		key = auth.APIKey
	}
	b.endpoint.Headers["api-key"] = b.text("apiKey", key)
}

func (b *endpointBuilder) azureToken(of provider.AzureIdentity) {
	if b.err != nil {
		return
	}
	token, err := b.run.Azure.Token(b.ctx, of)
	if err != nil {
		b.err = err
		return
	}
	b.endpoint.Secrets = append(b.endpoint.Secrets, token)
	b.bearer(token)
}

// bedrock returns the settings that are specific to AWS Bedrock.
func (b *endpointBuilder) bedrock(c *v1alpha1.BedrockModelConfig) provider.Bedrock {
	if arn := b.text("modelArn", c.ModelARN); arn != "" {
		b.endpoint.Name = arn
	}
	b.common(c.BaseURL, nil, c.Properties)
	o := provider.Bedrock{
		Region: b.text("region", c.Region), AccessKeyID: b.text("accessKeyId", c.AccessKeyID), SecretAccessKey: b.text("secretAccessKey", c.SecretAccessKey),
		SessionToken: b.text("sessionToken", c.SessionToken), APIKey: b.text("apiKey", c.APIKey), MaxTokens: c.MaxTokens,
	}
	b.endpoint.Secrets = append(b.endpoint.Secrets, o.SecretAccessKey, o.SessionToken)
	if c.Temperature != nil {
		o.Temperature = *c.Temperature
	}
	return o
}

func (b *endpointBuilder) bearer(key string) {
	if key != "" {
		b.endpoint.Headers["Authorization"] = "Bearer " + key
	}
}

func (b *endpointBuilder) common(url *v1alpha1.ValueSource, headers []v1alpha1.Header, properties map[string]v1alpha1.ValueSource) {
	b.endpoint.BaseURL = strings.TrimRight(b.text("baseUrl", url), "/")
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		source := properties[name]
		b.endpoint.Properties[name] = b.text("properties."+name, &source)
	}
	if b.err != nil {
		return
	}
	if check := b.run.CheckModelURL; check != nil && b.endpoint.BaseURL != "" {
		if fault := check(b.endpoint.BaseURL); fault != "" {
			b.err = fmt.Errorf("baseUrl %s", fault)
			return
		}
	}
	values, err := b.run.headers(b.ctx, b.values.Namespace, headers)
	if err != nil {
		b.err = err
		return
	}
	for name, value := range values {
		b.endpoint.Headers[name] = value.Text
		if value.Secret {
			b.endpoint.Secrets = append(b.endpoint.Secrets, value.Text)
		}
	}
}
