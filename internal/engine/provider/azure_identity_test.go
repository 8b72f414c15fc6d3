package provider

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const assertion = "the-token-of-the-service-account"

// identities is a server that issues tokens as the Instance Metadata Service, App Service and Entra
// do, and a client that sends all requests to it. It counts the tokens. The SDK caches tokens of
// machines for the whole process, so each test that counts uses its own client IDs.
func identities(t *testing.T) (client *http.Client, given *atomic.Int32) {
	t.Helper()
	given = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		is := func(pairs ...string) bool {
			for i := 0; i < len(pairs); i += 2 {
				if r.Form.Get(pairs[i]) != pairs[i+1] {
					return false
				}
			}
			return true
		}
		w.Header().Set("Content-Type", "application/json")
		switch at := r.Host + r.URL.Path; {
		case r.Method == http.MethodGet && at == "169.254.169.254/metadata/identity/oauth2/token" && r.Header.Get("Metadata") == "true" &&
			is("api-version", "2018-02-01", "resource", "https://cognitiveservices.azure.com"):
			fmt.Fprintf(w, `{"access_token":"machine-%s","expires_in":"3600","expires_on":"%d","token_type":"Bearer","resource":"https://cognitiveservices.azure.com"}`,
				r.Form.Get("client_id"), time.Now().Add(time.Hour).Unix())
			given.Add(1)
		case r.Method == http.MethodGet && at == "app.example/msi/token" && r.Header.Get("X-IDENTITY-HEADER") == "a-key" &&
			is("api-version", "2019-08-01", "resource", "https://cognitiveservices.azure.com"):
			fmt.Fprintf(w, `{"access_token":"app-%s","expires_on":"%d","token_type":"Bearer","resource":"https://cognitiveservices.azure.com"}`,
				r.Form.Get("client_id"), time.Now().Add(time.Hour).Unix())
			given.Add(1)
		case r.Method == http.MethodPost && at == "login.example/tenant/oauth2/v2.0/token" && is("grant_type", "client_credentials", "client_id", "app",
			"client_assertion", assertion, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") &&
			strings.Contains(r.Form.Get("scope"), "https://cognitiveservices.azure.com/.default"):
			fmt.Fprint(w, `{"access_token":"workload","expires_in":3600,"token_type":"Bearer"}`)
			given.Add(1)
		case strings.HasSuffix(r.URL.Path, "/v2.0/.well-known/openid-configuration"):
			of := "https://login.example/" + strings.Split(r.URL.Path, "/")[1]
			fmt.Fprintf(w, `{"token_endpoint":"%[1]s/oauth2/v2.0/token","authorization_endpoint":"%[1]s/oauth2/v2.0/authorize","issuer":"%[1]s/v2.0"}`, of)
		case r.URL.Path == "/other/oauth2/v2.0/token":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":"AADSTS700016: no such application, asked with %s"}`, r.Form.Get("client_assertion"))
		default:
			http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Transport: everywhere{to}}, given
}

// everywhere sends all requests to one server.
type everywhere struct{ to *url.URL }

func (e everywhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.URL.Scheme, r.URL.Host = e.to.Scheme, e.to.Host
	return http.DefaultTransport.RoundTrip(r)
}

func TestAzureIdentities(t *testing.T) {
	client, _ := identities(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(assertion), 0o600); err != nil {
		t.Fatal(err)
	}
	nowhere := &http.Client{Transport: everywhere{&url.URL{Scheme: "http", Host: "127.0.0.1:1"}}}
	pod := []string{"AZURE_AUTHORITY_HOST", "https://login.example/", "AZURE_FEDERATED_TOKEN_FILE", file, "AZURE_CLIENT_ID", "app", "AZURE_TENANT_ID", "tenant"}
	for _, c := range []struct {
		name        string
		of          AzureIdentity
		env         []string
		client      *http.Client
		want, fault string
	}{
		{"the machine's only identity", AzureIdentity{}, nil, client, "machine-", ""},
		{"one of several", AzureIdentity{ClientID: "two"}, nil, client, "machine-two", ""},
		{"App Service", AzureIdentity{ClientID: "three"}, []string{"IDENTITY_ENDPOINT", "http://app.example/msi/token", "IDENTITY_HEADER", "a-key"}, client, "app-three", ""},
		{"the pod's, as the Model says", AzureIdentity{Workload: true, ClientID: "app", TenantID: "tenant"}, pod, client, "workload", ""},
		{"the pod's, as its environment says", AzureIdentity{Workload: true}, pod, client, "workload", ""},
		{"a tenant that refuses", AzureIdentity{Workload: true, TenantID: "other"}, pod, client, "",
			"the workload identity of the pod: the answer is 401 Unauthorized: AADSTS700016: no such application, asked with [hidden]"},
		{"no pod of Azure", AzureIdentity{Workload: true, ClientID: "app", TenantID: "tenant"}, nil, client, "", "AZURE_FEDERATED_TOKEN_FILE"},
		{"nobody there", AzureIdentity{ClientID: "four"}, nil, nowhere, "", "the managed identity of the machine: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"AZURE_AUTHORITY_HOST", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT"} {
				t.Setenv(name, "")
				if err := os.Unsetenv(name); err != nil { // Setenv restores the previous value
					t.Fatal(err)
				}
			}
			for i := 0; i < len(c.env); i += 2 {
				t.Setenv(c.env[i], c.env[i+1])
			}
			a := &AzureEnvironment{Client: c.client, Retry: Retry{Attempts: 2, First: time.Millisecond}}
			got, err := a.Token(t.Context(), c.of)
			if got != c.want || (err == nil) != (c.fault == "") {
				t.Fatalf("got %q, %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), assertion) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// All callers that need a token share one request, and the token is cached.
func TestAzureTokensAreKept(t *testing.T) {
	client, given := identities(t)
	a := &AzureEnvironment{Client: client, Retry: Retry{First: time.Millisecond}}
	five := AzureIdentity{ClientID: rand.Text()}
	if got, err := a.Token(t.Context(), five); got != "machine-"+five.ClientID || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() {
			if got, err := a.Token(t.Context(), five); got != "machine-"+five.ClientID || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	asking.Wait()
	if n := given.Load(); n != 1 {
		t.Errorf("%d tokens were given", n)
	}
}

// A request to the metadata service is retried while the service is busy or being updated.
func TestAzureIdentityIsAskedAgain(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.WriteHeader(http.StatusGone)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			fmt.Fprintf(w, `{"access_token":"at-last","expires_in":"3600","expires_on":"%d","token_type":"Bearer","resource":"r"}`, time.Now().Add(time.Hour).Unix())
		}
	}))
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	a := &AzureEnvironment{Client: &http.Client{Transport: everywhere{to}}, Retry: Retry{First: time.Millisecond}}
	if got, err := a.Token(t.Context(), AzureIdentity{ClientID: rand.Text()}); got != "at-last" || err != nil || asked.Load() != 3 {
		t.Errorf("got %q, %v after %d requests", got, err, asked.Load())
	}
}
