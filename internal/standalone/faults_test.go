package standalone

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// What is the client's fault is answered with a Status of 4xx (C35, C37).
func TestFaults(t *testing.T) {
	r := start(t, t.TempDir())
	transport, err := rest.TransportFor(r.config)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	const (
		list   = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
		one    = list + "/one"
		head   = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"one"`
		valid  = head + `},"spec":{"input":"x","target":{"type":"agent","name":"a"}}}`
		asJSON = "application/json"
		merge  = "application/merge-patch+json"
	)
	send := func(method, path, contentType, body string) (int, metav1.Status) {
		t.Helper()
		request, err := http.NewRequestWithContext(context.Background(), method, r.config.Host+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", contentType)
		response, err := client.Do(request)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		defer response.Body.Close()
		var status metav1.Status
		if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
			t.Errorf("%s %s: the answer is not a Status: %v", method, path, err)
		}
		return response.StatusCode, status
	}
	agent := `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"a"}}`
	if code, status := send("POST", strings.Replace(list, "queries", "agents", 1), asJSON, agent); code != http.StatusCreated {
		t.Fatalf("create the target: %d %s", code, status.Message)
	}
	if code, status := send("POST", list, asJSON, valid); code != http.StatusCreated {
		t.Fatalf("create: %d %s", code, status.Message)
	}
	text := func(size int) string { return strings.Repeat("x", size) }
	withInput := func(name string, size int) string {
		return strings.Replace(strings.Replace(valid, `"one"`, `"`+name+`"`, 1), `"input":"x"`, `"input":"`+text(size)+`"`, 1)
	}
	for _, c := range []struct {
		name, method, path, contentType, body string
		want                                  int
	}{
		{"no body", "POST", list, asJSON, "", 400},
		{"not JSON", "POST", list, asJSON, "{", 400},
		{"a comma missing", "POST", list, asJSON, strings.Replace(valid, `,"spec"`, `"spec"`, 1), 400},
		{"a comma missing in free-form JSON", "POST", list, asJSON, strings.Replace(valid, `"x"`, `{"a":1"b":2}`, 1), 400},
		{"a list", "POST", list, asJSON, "[]", 400},
		{"another kind", "POST", list, asJSON, strings.Replace(valid, "Query", "Agent", 1), 400},
		{"another version", "POST", list, asJSON, strings.Replace(valid, "v1alpha1", "v9", 1), 400},
		{"another namespace", "POST", list, asJSON, head + `,"namespace":"other"}}`, 400},
		{"a wrong type", "POST", list, asJSON, head + `},"spec":[]}`, 400},
		{"no spec", "POST", list, asJSON, strings.Replace(head, "one", "two", 1) + `}}`, 422},
		{"a bad duration", "POST", list, asJSON, strings.Replace(strings.Replace(valid, `"one"`, `"two"`, 1), `"input"`, `"ttl":"soon","input"`, 1), 422},
		{"an empty duration", "PATCH", one + "/status", merge, `{"status":{"duration":""}}`, 422},
		{"a bad name", "POST", list, asJSON, strings.Replace(valid, `"one"`, `"One_"`, 1), 422},
		{"a bad prefix", "POST", list, asJSON, strings.Replace(valid, `"name":"one"`, `"generateName":"One_"`, 1), 422},
		{"no name", "POST", list, asJSON, strings.Replace(valid, `"name":"one"`, "", 1), 422},
		{"a bad owner", "POST", list, asJSON, strings.Replace(valid, `"name":"one"`, `"name":"two","ownerReferences":[{"name":"x"}]`, 1), 422},
		{"twice", "POST", list, asJSON, valid, 409},
		{"protobuf", "POST", list, "application/vnd.kubernetes.protobuf", "k8s\x00", 415},
		{"text", "POST", list, "text/plain", "x", 415},
		{"too deep", "POST", list, asJSON, head + `},"spec":{"input":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}}`, 400},
		{"a resourceVersion of another server", "PUT", one, asJSON, strings.Replace(valid, `"name":"one"`, `"name":"one","resourceVersion":"abc"`, 1), 400},
		{"a stale resourceVersion", "PUT", one, asJSON, strings.Replace(valid, `"name":"one"`, `"name":"one","resourceVersion":"1"`, 1), 409},
		{"another uid", "PUT", one, asJSON, strings.Replace(valid, `"name":"one"`, `"name":"one","uid":"x"`, 1), 409},
		{"another name", "PUT", one, asJSON, strings.Replace(valid, `"one"`, `"two"`, 1), 400},
		{"a bad status", "PUT", one + "/status", asJSON, strings.TrimSuffix(valid, "}") + `,"status":{"phase":"nope"}}`, 422},
		{"a patch that is none", "PATCH", one, merge, "[", 400},
		{"a patch to nothing", "PATCH", one, merge, `{"spec":null}`, 422},
		{"a strategic merge patch", "PATCH", one, "application/strategic-merge-patch+json", `{"spec":{"$setElementOrder/parameters":[{"name":"a"}]}}`, 415},
		{"a JSON patch of nothing", "PATCH", one, "application/json-patch+json", `[{"op":"remove","path":"/spec/none"}]`, 422},
		{"an applied unknown field", "PATCH", one + "?fieldManager=x", "application/apply-patch+yaml", strings.Replace(valid, `"input"`, `"none"`, 1), 400},
		{"applied without a manager", "PATCH", one, "application/apply-patch+yaml", valid, 422},
		{"a selector", "GET", list + "?labelSelector=a+in+(x", asJSON, "", 400},
		{"a field selector", "GET", list + "?fieldSelector=spec.none%3Dx", asJSON, "", 400},
		{"a list's version", "GET", list + "?resourceVersion=x", asJSON, "", 400},
		{"a watch's version", "GET", list + "?watch=1&resourceVersion=x", asJSON, "", 400},
		{"a continue token", "GET", list + "?continue=x", asJSON, "", 400},
		{"preconditions", "DELETE", one, asJSON, `{"preconditions":{"uid":"x"}}`, 409},
		{"2 MiB, which the storage refuses", "POST", list, asJSON, withInput("two", 2<<20), 413},
		{"10 MiB in a create", "POST", list, asJSON, withInput("two", 10<<20), 413},
		{"10 MiB in an update", "PUT", one, asJSON, withInput("one", 10<<20), 413},
		{"10 MiB in a patch", "PATCH", one, merge, `{"spec":{"input":"` + text(10<<20) + `"}}`, 413},
	} {
		code, status := send(c.method, c.path, c.contentType, c.body)
		if code != c.want || status.Status != metav1.StatusFailure || status.Message == "" {
			t.Errorf("%s: got %d %q, want %d", c.name, code, status.Message, c.want)
		}
	}

	// These look odd and are right.
	for _, c := range []struct{ name, method, path, body string }{
		{"1 MiB", "POST", list, withInput("big", 1<<20)},
		{"NUL", "POST", list, strings.Replace(withInput("nul", 1), `"input":"x"`, `"input":"a\u0000b"`, 1)},
		{"a resourceVersion from elsewhere", "POST", list, strings.Replace(valid, `"name":"one"`, `"name":"moved","resourceVersion":"5"`, 1)},
	} {
		if code, status := send(c.method, c.path, asJSON, c.body); code != http.StatusCreated {
			t.Errorf("%s: got %d %q, want 201", c.name, code, status.Message)
		}
	}
	body, _ := r.get(t, list+"/nul")
	if !strings.Contains(string(body), `"a\u0000b"`) {
		t.Errorf("NUL did not survive: %s", body)
	}
}
