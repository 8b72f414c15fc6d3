package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/provider"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// A Query runs with a version of its agent that is not older than the Query, however many other
// Queries read that agent at the time: neither the request to the model nor the version recorded in
// the Query is older.
func TestQueriesSeeEveryChange(t *testing.T) {
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		var prompt string
		if err := json.Unmarshal(r.Messages[0].Content, &prompt); err != nil {
			t.Error(err)
		}
		return scripted.Answer{Text: prompt}
	})
	w.start(Limits{Total: 32})
	const changes, each = 20, 6
	committed := make([]uint64, changes)
	for i := range changes {
		agent := &v1alpha1.Agent{}
		err := w.admin.Ark(v1alpha1.SchemeGroupVersion).Patch(types.MergePatchType).Namespace("default").Resource("agents").Name("plain").
			Body([]byte(fmt.Sprintf(`{"spec":{"prompt":"%d"}}`, i))).Do(w.ctx).Into(agent)
		if err != nil {
			t.Fatal(err)
		}
		if committed[i], err = strconv.ParseUint(agent.ResourceVersion, 10, 64); err != nil {
			t.Fatal(err)
		}
		for j := range each {
			w.ask(fmt.Sprintf("q%d-%d", i, j), toPlain, "")
		}
	}
	for i := range changes {
		for j := range each {
			q := w.awaitEnd(fmt.Sprintf("q%d-%d", i, j))
			if phaseOf(q) != v1alpha1.QueryDone {
				t.Fatalf("%s: %s", q.Name, reasonOf(q))
			}
			if told, err := strconv.Atoi(*q.Status.Response.Content); err != nil || told < i {
				t.Errorf("%s was told prompt %s", q.Name, *q.Status.Response.Content)
			}
			var versions map[string]string
			if err := json.Unmarshal([]byte(q.Annotations[annotationVersions]), &versions); err != nil {
				t.Fatal(err)
			}
			if ran, err := strconv.ParseUint(versions["agents/default/plain"], 10, 64); err != nil || ran < committed[i] {
				t.Errorf("%s ran with version %d, want %d or later", q.Name, ran, committed[i])
			}
		}
	}
}

// A Model of Azure is called with a token of the identity that it names. A Query whose identity
// does not exist ends with an error that says so.
func TestAzureIdentityOfAModel(t *testing.T) {
	w := newDefault(t, func(r scripted.Request) scripted.Answer {
		return scripted.Answer{Text: r.Header.Get("Authorization") + r.Header.Get("Api-Key")}
	})
	w.start(Limits{}, azureOf(t))
	model := func(name, auth string) string {
		return strings.ReplaceAll(`
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: `+name+`}
spec: {model: {value: m}, provider: azure, config: {azure: {baseUrl: {value: "{{model}}"}, auth: `+auth+`}}}`, "{{model}}", w.url)
	}
	w.apply(model("machine", `{managedIdentity: {clientId: {value: two}}}`))
	w.apply(model("pod", `{workloadIdentity: {clientId: {value: app}, tenantId: {value: tenant}}}`))
	w.ask("machine", `{type: model, name: machine}`, "")
	w.ask("pod", `{type: model, name: pod}`, "")
	if q := w.awaitEnd("machine"); phaseOf(q) != v1alpha1.QueryDone || *q.Status.Response.Content != "Bearer token-of-two" {
		t.Errorf("machine: %s, %v", reasonOf(q), *q.Status.Response.Content)
	}
	if q := w.awaitEnd("pod"); phaseOf(q) != v1alpha1.QueryError || !strings.Contains(reasonOf(q), "the pod has no workload identity") {
		t.Errorf("pod: %s", reasonOf(q))
	}
}

// azureOf makes the engine run as if on an Azure machine that has identities.
func azureOf(t *testing.T) func(*Options) {
	t.Helper()
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"access_token":"token-of-%s","expires_in":"3600","expires_on":"4000000000","token_type":"Bearer","resource":"r"}`, r.URL.Query().Get("client_id"))
	}))
	t.Cleanup(there.Close)
	to, err := url.Parse(there.URL)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options) {
		o.Services.Azure = &provider.AzureEnvironment{Client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(to)}}}
	}
}
