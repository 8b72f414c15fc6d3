package provider

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const assertion = "the-token-of-the-service-account"

// identities is a server that gives tokens as the Instance Metadata Service, App Service and Entra do. It counts them.
func identities(t *testing.T) (url string, given *atomic.Int32) {
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
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/metadata/identity/oauth2/token" && r.Header.Get("Metadata") == "true" &&
			is("api-version", "2018-02-01", "resource", "https://cognitiveservices.azure.com"):
			fmt.Fprintf(w, `{"access_token":"machine-%s-%d","expires_in":"3600","expires_on":"1","token_type":"Bearer"}`, r.Form.Get("client_id"), given.Add(1))
		case r.Method == http.MethodGet && r.URL.Path == "/msi/token" && r.Header.Get("X-IDENTITY-HEADER") == "a-key" &&
			is("api-version", "2019-08-01", "resource", "https://cognitiveservices.azure.com"):
			fmt.Fprintf(w, `{"access_token":"app-%s-%d","expires_on":"%d"}`, r.Form.Get("client_id"), given.Add(1), begin.Add(time.Hour).Unix())
		case r.Method == http.MethodPost && r.URL.Path == "/tenant/oauth2/v2.0/token" && is("grant_type", "client_credentials", "client_id", "app",
			"scope", "https://cognitiveservices.azure.com/.default", "client_assertion", assertion,
			"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"):
			fmt.Fprintf(w, `{"access_token":"workload-%d","expires_in":3600}`, given.Add(1))
		case r.URL.Path == "/other/oauth2/v2.0/token":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error":"invalid_client","error_description":"AADSTS700016: no such application, asked with %s"}`, r.Form.Get("client_assertion"))
		default:
			http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, given
}

var begin = time.Unix(1_800_000_000, 0)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestAzureIdentities(t *testing.T) {
	at, _ := identities(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(assertion+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	machine := environment("AZURE_POD_IDENTITY_AUTHORITY_HOST", at+"/")
	pod := environment("AZURE_AUTHORITY_HOST", at+"/", "AZURE_FEDERATED_TOKEN_FILE", file, "AZURE_CLIENT_ID", "app", "AZURE_TENANT_ID", "tenant")
	for _, c := range []struct {
		name        string
		of          AzureIdentity
		env         func(string) string
		want, fault string
	}{
		{"the machine's only identity", AzureIdentity{}, machine, "machine--1", ""},
		{"one of several", AzureIdentity{ClientID: "two"}, machine, "machine-two-2", ""},
		{"App Service", AzureIdentity{ClientID: "two"}, environment("IDENTITY_ENDPOINT", at+"/msi/token", "IDENTITY_HEADER", "a-key"), "app-two-3", ""},
		{"the pod's, as the Model says", AzureIdentity{Workload: true, ClientID: "app", TenantID: "tenant"}, pod, "workload-4", ""},
		{"the pod's, as its environment says", AzureIdentity{Workload: true}, pod, "workload-5", ""},
		{"a tenant that refuses", AzureIdentity{Workload: true, TenantID: "other"}, pod, "", "the workload identity of the pod: the answer is 401 Unauthorized: AADSTS700016: no such application, asked with [hidden]"},
		{"no pod of Azure", AzureIdentity{Workload: true, ClientID: "app", TenantID: "tenant"}, environment(), "", "AZURE_FEDERATED_TOKEN_FILE"},
		{"Azure Arc", AzureIdentity{}, environment("IDENTITY_ENDPOINT", at, "IMDS_ENDPOINT", at), "", "Azure Arc are not supported"},
		{"nobody there", AzureIdentity{}, environment("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1"), "", "the managed identity of the machine: there is no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &AzureEnvironment{Getenv: c.env, Retry: Retry{First: time.Millisecond}, Now: func() time.Time { return begin }}
			got, err := a.Token(t.Context(), c.of)
			if got != c.want || (err == nil) != (c.fault == "") || err != nil && (!strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), assertion)) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// A token is asked for once by all who need it, kept until five minutes before its end, and used until its end where it
// cannot be renewed.
func TestAzureTokensAreKept(t *testing.T) {
	at, given := identities(t)
	var now atomic.Int64
	host := atomic.Pointer[string]{}
	host.Store(&at)
	a := &AzureEnvironment{
		Getenv: func(name string) string {
			if name == "AZURE_POD_IDENTITY_AUTHORITY_HOST" {
				return *host.Load()
			}
			return ""
		},
		Retry: Retry{First: time.Millisecond}, Now: func() time.Time { return begin.Add(time.Duration(now.Load())) },
	}
	want := func(after time.Duration, token string) {
		t.Helper()
		now.Store(int64(after))
		var asking sync.WaitGroup
		for range 20 {
			asking.Go(func() {
				if got, err := a.Token(t.Context(), AzureIdentity{}); got != token || (err == nil) != (token != "") {
					t.Errorf("after %s: got %q, %v, want %q", after, got, err, token)
				}
			})
		}
		asking.Wait()
	}
	want(0, "machine--1")
	want(54*time.Minute, "machine--1")
	want(56*time.Minute, "machine--2")
	nowhere := "http://127.0.0.1:1"
	host.Store(&nowhere)
	want(112*time.Minute, "machine--2") // it ends at 116
	want(117*time.Minute, "")
	host.Store(&at)
	want(117*time.Minute, "machine--3")
	if n := given.Load(); n != 3 {
		t.Errorf("%d tokens were given", n)
	}
}

// The metadata service is asked again while it is busy or being renewed.
func TestAzureIdentityIsAskedAgain(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			w.WriteHeader(http.StatusGone)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			fmt.Fprint(w, `{"access_token":"late","expires_in":60}`)
		}
	}))
	defer server.Close()
	a := &AzureEnvironment{Getenv: environment("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.URL), Retry: Retry{First: time.Millisecond}}
	if got, err := a.Token(t.Context(), AzureIdentity{}); got != "late" || err != nil || asked.Load() != 3 {
		t.Errorf("got %q, %v after %d requests", got, err, asked.Load())
	}
}
