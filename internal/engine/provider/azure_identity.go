package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// azureResource is what tokens are for: Azure OpenAI and Azure's other models.
	azureResource = "https://cognitiveservices.azure.com"
	// azureMetadata is where a machine's identity is asked for, and azureAuthority where a workload's is, unless the
	// environment says otherwise.
	azureMetadata  = "http://169.254.169.254"
	azureAuthority = "https://login.microsoftonline.com"
	// azureRenew is how long before its end a token is renewed.
	azureRenew = 5 * time.Minute
	// azureAsk bounds one request for a token: machines that are not Azure's do not answer.
	azureAsk = 10 * time.Second
	// maxAssertion is the most bytes of a service account's token.
	maxAssertion = 64 << 10
)

// AzureIdentity is an identity of Microsoft Entra that the server's environment has.
type AzureIdentity struct {
	// Workload says that it is that of the pod's service account (a federated token) and not that of the machine.
	Workload bool
	// ClientID chooses one of several identities of a machine; a workload needs it.
	ClientID string
	// TenantID is that of a workload.
	TenantID string
}

// AzureEnvironment gets tokens for the identities of the server's environment, as Azure's SDKs do, and keeps them until
// shortly before they end. Its fields are set before the first use; it is safe for concurrent use.
type AzureEnvironment struct {
	// Client makes the requests; nil for http.DefaultClient. The addresses are the environment's, never a user's.
	Client *http.Client
	// Retry is that of the requests.
	Retry Retry
	// Getenv reads the environment; nil for os.Getenv.
	Getenv func(string) string
	// Now is the time; nil for time.Now.
	Now func() time.Time

	mu     sync.Mutex
	tokens map[AzureIdentity]*azureToken
}

// azureToken is the token of one identity.
type azureToken struct {
	turn chan struct{} // holds one value, for whoever may look
	text string
	ends time.Time
}

// Token returns a token of an identity. One caller at a time asks for it; the others wait.
func (a *AzureEnvironment) Token(ctx context.Context, of AzureIdentity) (string, error) {
	if a == nil {
		return "", errors.New("the server has no identities of Azure")
	}
	t := a.of(of)
	select {
	case <-t.turn:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { t.turn <- struct{}{} }()
	if a.now().Before(t.ends.Add(-azureRenew)) {
		return t.text, nil
	}
	text, lasts, err := a.ask(ctx, of)
	switch {
	case err == nil:
		t.text, t.ends = text, a.now().Add(lasts)
	case !a.now().Before(t.ends):
		return "", err
	}
	return t.text, nil // it is good for some minutes yet if it could not be renewed
}

func (a *AzureEnvironment) of(identity AzureIdentity) *azureToken {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tokens == nil {
		a.tokens = map[AzureIdentity]*azureToken{}
	}
	t := a.tokens[identity]
	if t == nil {
		t = &azureToken{turn: make(chan struct{}, 1)}
		t.turn <- struct{}{}
		a.tokens[identity] = t
	}
	return t
}

func (a *AzureEnvironment) env(name string) string {
	if a.Getenv != nil {
		return a.Getenv(name)
	}
	return os.Getenv(name)
}

func (a *AzureEnvironment) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// ask gets a new token, and how long it lasts.
func (a *AzureEnvironment) ask(ctx context.Context, of AzureIdentity) (string, time.Duration, error) {
	what, request := "the managed identity of the machine", a.managed
	if of.Workload {
		what, request = "the workload identity of the pod", a.workload
	}
	for attempt := 1; ; attempt++ {
		token, lasts, err := a.once(ctx, request, of)
		if err == nil {
			return token, lasts, nil
		}
		if !a.Retry.after(ctx, attempt, err) {
			return "", 0, fmt.Errorf("get a token of Azure for %s: %w", what, err)
		}
	}
}

// managed is the request for a token of a machine: that of App Service and Container Apps where these are, else that of
// the Instance Metadata Service.
func (a *AzureEnvironment) managed(ctx context.Context, of AzureIdentity) (*http.Request, string, error) {
	at, version, header, secret := azureMetadata+"/metadata/identity/oauth2/token", "2018-02-01", "Metadata", "true"
	if host := a.env("AZURE_POD_IDENTITY_AUTHORITY_HOST"); host != "" {
		at = strings.TrimRight(host, "/") + "/metadata/identity/oauth2/token"
	}
	hidden := ""
	switch endpoint, key := a.env("IDENTITY_ENDPOINT"), a.env("IDENTITY_HEADER"); {
	case endpoint != "" && key != "" && a.env("IDENTITY_SERVER_THUMBPRINT") == "":
		at, version, header, secret, hidden = endpoint, "2019-08-01", "X-IDENTITY-HEADER", key, key
	case endpoint != "":
		return nil, "", errors.New("identities of Service Fabric and Azure Arc are not supported: use auth.apiKey or auth.workloadIdentity")
	}
	query := url.Values{"api-version": {version}, "resource": {azureResource}}
	if of.ClientID != "" {
		query.Set("client_id", of.ClientID)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, "", fmt.Errorf("read the address of the identity's endpoint: %w", err)
	}
	request.Header.Set(header, secret)
	return request, hidden, nil
}

// workload is the request that exchanges the token of the pod's service account (OAuth 2.0, RFC 7523) for one of Entra.
func (a *AzureEnvironment) workload(ctx context.Context, of AzureIdentity) (*http.Request, string, error) {
	clientID, tenantID, file := of.ClientID, of.TenantID, a.env("AZURE_FEDERATED_TOKEN_FILE")
	if clientID == "" {
		clientID = a.env("AZURE_CLIENT_ID")
	}
	if tenantID == "" {
		tenantID = a.env("AZURE_TENANT_ID")
	}
	if clientID == "" || tenantID == "" || file == "" {
		return nil, "", errors.New("the pod has no workload identity: it needs a client ID, a tenant ID and AZURE_FEDERATED_TOKEN_FILE, which Azure's webhook sets")
	}
	// The kubelet renews the file.
	from, err := os.Open(file)
	if err != nil {
		return nil, "", fmt.Errorf("read the token of the service account: %w", err)
	}
	defer func() { _ = from.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(from, maxAssertion))
	if err != nil {
		return nil, "", fmt.Errorf("read the token of the service account: %w", err)
	}
	assertion := strings.TrimSpace(string(text))
	authority := a.env("AZURE_AUTHORITY_HOST")
	if authority == "" {
		authority = azureAuthority
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {clientID}, "scope": {azureResource + "/.default"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(authority, "/")+"/"+url.PathEscape(tenantID)+"/oauth2/v2.0/token",
		strings.NewReader(form.Encode()))
	if err != nil {
		return nil, "", fmt.Errorf("read the address of the authority: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request, assertion, nil
}

// once makes one request. What request returns beside it is a secret that no error may quote.
func (a *AzureEnvironment) once(ctx context.Context, request func(context.Context, AzureIdentity) (*http.Request, string, error), of AzureIdentity) (string, time.Duration, error) {
	asking, cancel := context.WithTimeout(ctx, azureAsk)
	defer cancel()
	r, secret, err := request(asking, of)
	if err != nil {
		return "", 0, err
	}
	hide := Endpoint{Secrets: []string{secret}}
	client := a.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return "", 0, cause
		}
		return "", 0, &identityError{hide.hide(err)}
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxErrorBody))
	if err != nil {
		return "", 0, &identityError{err}
	}
	if answer.StatusCode != http.StatusOK {
		// The metadata service answers 404 and 410 while it is being renewed.
		worth := worthRetry(answer.StatusCode) || !of.Workload && (answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusGone)
		return "", 0, &retryable{
			error: fmt.Errorf("the answer is %d %s: %s", answer.StatusCode, http.StatusText(answer.StatusCode), hide.hideText(identityFault(text))),
			after: retryAfter(answer.Header), worth: worth,
		}
	}
	var token struct {
		Text      string      `json:"access_token"`
		ExpiresIn json.Number `json:"expires_in"`
		ExpiresOn json.Number `json:"expires_on"`
	}
	if err := json.Unmarshal(text, &token); err != nil || token.Text == "" {
		return "", 0, errors.New("the answer has no token")
	}
	seconds, err := token.ExpiresIn.Int64()
	if err != nil {
		at, err := token.ExpiresOn.Int64() // App Service says no more
		if err != nil {
			return "", 0, errors.New("the answer does not say how long the token lasts")
		}
		seconds = at - a.now().Unix()
	}
	return token.Text, time.Duration(seconds) * time.Second, nil
}

// identityError is a request for a token without an answer.
type identityError struct{ error }

func (e *identityError) Error() string { return "there is no answer: " + e.error.Error() }

// Unwrap has it made again, as requests to models are.
func (e *identityError) Unwrap() error { return &retryable{error: e.error, worth: true} }

// identityFault finds what an identity's endpoint says is wrong.
func identityFault(body []byte) string {
	var wire struct {
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &wire) == nil && wire.Description != "" {
		body = []byte(wire.Description)
	}
	return errorText(body)
}
