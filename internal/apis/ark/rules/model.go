package rules

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// DefaultModel takes the provider from the type where old manifests have it, and
// notes two ways to authorize to Bedrock, of which one is without effect.
func DefaultModel(model *v1alpha1.Model) {
	takeProvider(model)
	if bedrock := bedrockOf(model); bedrock != nil && bedrock.APIKey != nil && (bedrock.AccessKeyID != nil || bedrock.SecretAccessKey != nil) {
		noteMigration(model, "bedrock-auth", "IAM credentials beside an apiKey of Bedrock are deprecated: the apiKey is used and they are ignored; keep one of the two")
	}
}

func bedrockOf(model *v1alpha1.Model) *v1alpha1.BedrockModelConfig {
	if model.Spec.Provider != v1alpha1.ModelProviderBedrock || model.Spec.Config == nil {
		return nil
	}
	return model.Spec.Config.Bedrock
}

// takeProvider leaves the type anthropic alone: it never stood for a provider.
func takeProvider(model *v1alpha1.Model) {
	spec := &model.Spec
	if spec.Provider != "" || spec.Type == nil {
		return
	}
	switch provider := v1alpha1.ModelProvider(*spec.Type); provider {
	case v1alpha1.ModelProviderOpenAI, v1alpha1.ModelProviderAzure, v1alpha1.ModelProviderBedrock:
		completions := v1alpha1.ModelTypeCompletions
		spec.Provider, spec.Type = provider, &completions
		noteMigration(model, "provider", fmt.Sprintf(
			"the type '%[1]s' is deprecated and has become the provider: change the manifest to provider: %[1]s and type: completions", provider))
	case v1alpha1.ModelProviderAnthropic: // see above
	}
}

// CheckModel checks that the provider has its configuration, that what values
// are taken from exists, and the base URL. What Bedrock's apiKey, properties and
// headers are taken from may come later: Ark does not check it either.
func CheckModel(ctx context.Context, env Env, model *v1alpha1.Model) field.ErrorList {
	s, path := scope{env, model.Namespace}, field.NewPath("spec")
	errs := s.valueSource(ctx, path.Child("model"), model.Spec.Model)
	if model.Spec.Provider == "" {
		return append(errs, field.Required(path.Child("provider"), "provider is required: openai, azure, bedrock or anthropic"))
	}
	config := model.Spec.Config
	if config == nil {
		return errs // the schema requires it
	}
	path = path.Child("config", string(model.Spec.Provider))
	missing := field.ErrorList{field.Required(path, fmt.Sprintf("%[1]s configuration is required for %[1]s model type", model.Spec.Provider))}
	switch model.Spec.Provider {
	case v1alpha1.ModelProviderOpenAI:
		if config.OpenAI == nil {
			return append(errs, missing...)
		}
		return append(errs, s.openAI(ctx, path, config.OpenAI)...)
	case v1alpha1.ModelProviderAzure:
		if config.Azure == nil {
			return append(errs, missing...)
		}
		return append(errs, s.azure(ctx, path, config.Azure)...)
	case v1alpha1.ModelProviderBedrock:
		if config.Bedrock == nil {
			return append(errs, missing...)
		}
		return append(errs, s.bedrock(ctx, path, config.Bedrock)...)
	case v1alpha1.ModelProviderAnthropic:
		if config.Anthropic == nil {
			return append(errs, missing...)
		}
		return append(errs, s.anthropic(ctx, path, config.Anthropic)...)
	}
	return errs // another provider is the schema's to refuse
}

func (s scope) openAI(ctx context.Context, path *field.Path, c *v1alpha1.OpenAIModelConfig) field.ErrorList {
	errs := s.baseURL(ctx, path.Child("baseUrl"), c.BaseURL)
	errs = append(errs, s.valueSource(ctx, path.Child("apiKey"), c.APIKey)...)
	return append(errs, checkHeaders(path.Child("headers"), "", c.Headers)...)
}

func (s scope) anthropic(ctx context.Context, path *field.Path, c *v1alpha1.AnthropicModelConfig) field.ErrorList {
	errs := s.baseURL(ctx, path.Child("baseUrl"), c.BaseURL)
	errs = append(errs, s.valueSource(ctx, path.Child("apiKey"), c.APIKey)...)
	errs = append(errs, s.valueSource(ctx, path.Child("version"), c.Version)...)
	return append(errs, checkHeaders(path.Child("headers"), "", c.Headers)...)
}

func (s scope) bedrock(ctx context.Context, path *field.Path, c *v1alpha1.BedrockModelConfig) (errs field.ErrorList) {
	if c.BaseURL != nil {
		errs = s.baseURL(ctx, path.Child("baseUrl"), c.BaseURL)
	}
	errs = append(errs, s.valueSource(ctx, path.Child("region"), c.Region)...)
	errs = append(errs, s.valueSource(ctx, path.Child("accessKeyId"), c.AccessKeyID)...)
	errs = append(errs, s.valueSource(ctx, path.Child("secretAccessKey"), c.SecretAccessKey)...)
	errs = append(errs, s.valueSource(ctx, path.Child("sessionToken"), c.SessionToken)...)
	return append(errs, s.valueSource(ctx, path.Child("modelArn"), c.ModelARN)...)
}

func (s scope) azure(ctx context.Context, path *field.Path, c *v1alpha1.AzureModelConfig) field.ErrorList {
	errs := s.baseURL(ctx, path.Child("baseUrl"), c.BaseURL)
	errs = append(errs, s.azureAuth(ctx, path, c)...)
	errs = append(errs, s.valueSource(ctx, path.Child("apiVersion"), c.APIVersion)...)
	return append(errs, checkHeaders(path.Child("headers"), "", c.Headers)...)
}

// azureAuth wants one way to authorize requests: one of auth, or the older
// apiKey where there is no auth.
func (s scope) azureAuth(ctx context.Context, path *field.Path, c *v1alpha1.AzureModelConfig) field.ErrorList {
	auth, apiKey := path.Child("auth"), path.Child("apiKey")
	if c.Auth == nil {
		if c.APIKey == nil {
			return field.ErrorList{field.Required(auth, "azure needs exactly one of auth.apiKey, auth.managedIdentity and auth.workloadIdentity, or apiKey")}
		}
		return s.valueSource(ctx, apiKey, c.APIKey)
	}
	methods := 0
	errs := s.valueSource(ctx, apiKey, c.APIKey)
	if c.Auth.APIKey != nil {
		methods++
		errs = append(errs, s.valueSource(ctx, auth.Child("apiKey"), c.Auth.APIKey)...)
	}
	if identity := c.Auth.ManagedIdentity; identity != nil {
		methods++
		errs = append(errs, s.valueSource(ctx, auth.Child("managedIdentity", "clientId"), identity.ClientID)...)
	}
	if identity := c.Auth.WorkloadIdentity; identity != nil {
		methods++
		errs = append(errs, s.valueSource(ctx, auth.Child("workloadIdentity", "clientId"), identity.ClientID)...)
		errs = append(errs, s.valueSource(ctx, auth.Child("workloadIdentity", "tenantId"), identity.TenantID)...)
	}
	if methods != 1 {
		return append(errs, field.Invalid(auth, fmt.Sprintf("%d methods", methods), "azure auth must specify exactly one of apiKey, managedIdentity and workloadIdentity"))
	}
	return errs
}
