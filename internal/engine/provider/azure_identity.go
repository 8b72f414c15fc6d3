package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	// azureScope is the scope of tokens: Azure OpenAI and Azure's other models.
	azureScope = "https://cognitiveservices.azure.com/.default"
	// azureTry bounds one request for a token, and azureAsk all attempts together: outside Azure, the
	// metadata address does not answer.
	azureTry = 10 * time.Second
	azureAsk = 30 * time.Second
	// maxAssertion is the most bytes of a service account's token.
	maxAssertion = 64 << 10
)

// AzureIdentity is a Microsoft Entra identity of the server's environment.
type AzureIdentity struct {
	// Workload selects the identity of the pod's service account (a federated token) instead of the
	// machine's.
	Workload bool
	// ClientID selects one of several identities of a machine; a workload needs it, or
	// AZURE_CLIENT_ID.
	ClientID string
	// TenantID is the tenant of a workload; "" for AZURE_TENANT_ID.
	TenantID string
}

// AzureEnvironment gets tokens for the identities of the server's environment from Azure's SDK,
// which caches them and renews them before they expire. Set its fields before the first use; it is
// safe for concurrent use.
type AzureEnvironment struct {
	// Client makes the requests; nil for the SDK's. The addresses come from the environment, never
	// from a user.
	Client *http.Client
	// Retry is the retry policy of the requests.
	Retry Retry

	mu          sync.Mutex
	credentials map[AzureIdentity]azcore.TokenCredential
}

// Token returns a token of an identity.
func (a *AzureEnvironment) Token(ctx context.Context, of AzureIdentity) (string, error) {
	if a == nil {
		return "", errors.New("the server has no identities of Azure")
	}
	asking, cancel := context.WithTimeout(ctx, azureAsk)
	defer cancel()
	credential, err := a.credential(of)
	if err == nil {
		var token azcore.AccessToken
		token, err = credential.GetToken(asking, policy.TokenRequestOptions{Scopes: []string{azureScope}})
		if err == nil {
			return token.Token, nil
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return "", cause
	}
	what := "the managed identity of the machine"
	if of.Workload {
		what = "the workload identity of the pod"
	}
	return "", fmt.Errorf("get a token of Azure for %s: %w", what, identityFault(err))
}

// credential returns the SDK's credential of an identity, which caches its tokens.
func (a *AzureEnvironment) credential(of AzureIdentity) (azcore.TokenCredential, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.credentials[of]; known != nil {
		return known, nil
	}
	made, err := a.open(of)
	if err != nil {
		return nil, err
	}
	if a.credentials == nil {
		a.credentials = map[AzureIdentity]azcore.TokenCredential{}
	}
	a.credentials[of] = made
	return made, nil
}

func (a *AzureEnvironment) open(of AzureIdentity) (azcore.TokenCredential, error) {
	attempts, first := a.Retry.Attempts, a.Retry.First
	if attempts == 0 {
		attempts = defaultAttempts
	}
	if first == 0 {
		first = defaultFirst
	}
	options := azcore.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: int32(attempts - 1), RetryDelay: first, MaxRetryDelay: maxPause, TryTimeout: azureTry},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
	if a.Client != nil {
		options.Transport = a.Client
	}
	if !of.Workload {
		managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if of.ClientID != "" {
			managed.ID = azidentity.ClientID(of.ClientID)
		}
		made, err := azidentity.NewManagedIdentityCredential(managed)
		if err != nil {
			return nil, fmt.Errorf("read the environment: %w", err)
		}
		return made, nil
	}
	// The environment sets the authority, whose address may be unknown to Microsoft's public cloud.
	made, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: options, ClientID: of.ClientID, TenantID: of.TenantID, DisableInstanceDiscovery: true,
	})
	if err != nil {
		return nil, fmt.Errorf("the pod has no workload identity: it needs a client ID, a tenant ID and AZURE_FEDERATED_TOKEN_FILE, which Azure's webhook sets: %w", err)
	}
	return made, nil
}

// identityFault returns an error of the SDK as one line, without the secrets that an answer may
// quote.
func identityFault(err error) error {
	hide := Endpoint{Secrets: identitySecrets()}
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return errors.New(hide.hideText(line))
	}
	answer := failed.RawResponse
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxErrorBody)) // what cannot be read is omitted
	var wire struct {
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &wire) == nil && wire.Description != "" {
		body = []byte(wire.Description)
	}
	return fmt.Errorf("the answer is %d %s: %s", answer.StatusCode, http.StatusText(answer.StatusCode), hide.hideText(errorText(body)))
}

// identitySecrets returns the secrets with which the environment authenticates.
func identitySecrets() []string {
	secrets := []string{os.Getenv("IDENTITY_HEADER"), os.Getenv("MSI_SECRET")}
	from, err := os.Open(os.Getenv("AZURE_FEDERATED_TOKEN_FILE"))
	if err != nil {
		return secrets
	}
	defer func() { _ = from.Close() }() // read only: nothing is lost on an error
	text, err := io.ReadAll(io.LimitReader(from, maxAssertion))
	if err != nil {
		return secrets
	}
	return append(secrets, strings.TrimSpace(string(text)))
}
