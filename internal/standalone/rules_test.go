package standalone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

const arkV1 = "ark.mckinsey.com/v1alpha1"

// requests sends requests with bodies as they are, and reads what comes back.
type requests struct {
	client *rest.RESTClient
}

func (a requests) do(t *testing.T, want int, method, path, contentType, body string) *unstructured.Unstructured {
	t.Helper()
	path, query, _ := strings.Cut(path, "?")
	request := a.client.Verb(method).AbsPath(path).SetHeader("Content-Type", contentType).Body([]byte(body))
	for parameter := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(parameter, "="); ok {
			request = request.Param(name, value)
		}
	}
	result := request.Do(context.Background())
	var code int
	result.StatusCode(&code)
	text, _ := result.Raw()
	if code != want {
		t.Fatalf("%s %s: got %d, want %d: %s", method, path, code, want, text)
	}
	obj := &unstructured.Unstructured{}
	if err := json.Unmarshal(text, &obj.Object); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return obj
}

func (a requests) create(t *testing.T, want int, resource, kind, name, rest string) *unstructured.Unstructured {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q},%s}`, arkV1, kind, name, rest)
	namespace := "default"
	if kind == "ArkConfig" {
		namespace = ""
	}
	return a.do(t, want, http.MethodPost, collection(arkV1, namespace, resource), "application/json", body)
}

func (a requests) merge(t *testing.T, want int, path, patch string) *unstructured.Unstructured {
	t.Helper()
	return a.do(t, want, http.MethodPatch, path, "application/merge-patch+json", patch)
}

func str(t *testing.T, obj *unstructured.Unstructured, path string) string {
	t.Helper()
	s, _, err := unstructured.NestedString(obj.Object, strings.Split(path, ".")...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const askResearcher = `"spec":{"input":"x","target":{"type":"agent","name":"researcher"}}`

// A reference is judged by what has been written before, never by an older state
// of the cache.
func TestReferencesAreFresh(t *testing.T) {
	a := requests{start(t, t.TempDir()).raw(t)}
	agents := collection(arkV1, "default", "agents")
	for i := range 50 {
		a.create(t, 422, "queries", "Query", fmt.Sprintf("before-%d", i), askResearcher)
		a.create(t, 201, "agents", "Agent", "researcher", `"spec":{}`)
		a.create(t, 201, "queries", "Query", fmt.Sprintf("after-%d", i), askResearcher)
		a.do(t, 200, http.MethodDelete, agents+"/researcher", "application/json", "")
	}
	for i := range 20 {
		ttl := fmt.Sprintf("%dh", i+1)
		a.create(t, 201, "arkconfigs", "ArkConfig", "default", `"spec":{"queryTTL":"`+ttl+`"}`)
		q := a.create(t, 201, "queries", "Query", fmt.Sprintf("ttl-%d", i), `"spec":{"input":"x","selector":{}}`)
		ttl += "0m0s" // a value that is filled in has Go's spelling
		if got := str(t, q, "spec.ttl"); got != ttl {
			t.Errorf("the ttl is %s, want that of the ArkConfig written before, %s", got, ttl)
		}
		a.do(t, 200, http.MethodDelete, collection(arkV1, "", "arkconfigs")+"/default", "application/json", "")
	}
}

func TestDefaultMemory(t *testing.T) {
	a := requests{start(t, t.TempDir()).raw(t)}
	spec := `"spec":{"input":"x","selector":{}}`
	a.create(t, 201, "arkconfigs", "ArkConfig", "default", `"spec":{"defaultMemory":{"name":"notes"}}`)
	memory := func(q *unstructured.Unstructured) string { return str(t, q, "spec.memory.name") }
	if got := memory(a.create(t, 201, "queries", "Query", "no-memory", spec)); got != "" {
		t.Errorf("a memory that does not exist is used: %s", got)
	}
	a.create(t, 201, "memories", "Memory", "notes", `"spec":{"address":{"value":"http://m"}}`)
	if got := memory(a.create(t, 201, "queries", "Query", "no-address", spec)); got != "" {
		t.Errorf("a memory without an address is used: %s", got)
	}
	a.merge(t, 200, collection(arkV1, "default", "memories")+"/notes/status", `{"status":{"lastResolvedAddress":"http://m"}}`)
	if got := memory(a.create(t, 201, "queries", "Query", "with-memory", spec)); got != "notes" {
		t.Errorf("the memory is %q, want notes", got)
	}
	// Only on create.
	if got := memory(a.merge(t, 200, collection(arkV1, "default", "queries")+"/no-memory", `{"spec":{"cancel":true}}`)); got != "" {
		t.Errorf("an update fills in the memory: %s", got)
	}
}

// What was fine when it was stored stays editable, as long as an edit adds no fault.
func TestUpdatesAreJudgedByWhatTheyChange(t *testing.T) {
	a := requests{start(t, t.TempDir()).raw(t)}
	a.create(t, 201, "agents", "Agent", "researcher", `"spec":{}`)
	a.create(t, 201, "queries", "Query", "q", askResearcher)
	a.do(t, 200, http.MethodDelete, collection(arkV1, "default", "agents")+"/researcher", "application/json", "")
	q := collection(arkV1, "default", "queries") + "/q"
	a.merge(t, 200, q, `{"metadata":{"finalizers":["ark.mckinsey.com/finalizer"]}}`)
	a.merge(t, 200, q+"/status", `{"status":{"phase":"running"}}`)
	a.merge(t, 200, q, `{"spec":{"cancel":true}}`)
	a.merge(t, 422, q, `{"spec":{"target":{"name":"another"}}}`)
	a.merge(t, 422, q, `{"spec":{"parameters":[{"name":"p"}]}}`)
	// An update migrates and fills in as a create does.
	updated := a.merge(t, 200, q, `{"spec":{"type":"messages","input":[{"role":"user","content":"y"}],"ttl":null}}`)
	if str(t, updated, "spec.type") != "user" || str(t, updated, "spec.input") != "y" || str(t, updated, "spec.ttl") != "720h0m0s" {
		t.Errorf("after an update to the old form: %v", updated.Object["spec"])
	}
	// Nothing is judged once the object is being deleted.
	a.do(t, 200, http.MethodDelete, q, "application/json", "")
	a.merge(t, 200, q, `{"spec":{"target":{"name":"another"}}}`)
	a.merge(t, 200, q, `{"metadata":{"finalizers":null}}`)

	// The label must have been there before to be honoured.
	a.create(t, 201, "tools", "Tool", "plain", `"spec":{"type":"agent","agent":{"name":"a"}}`)
	plain := collection(arkV1, "default", "tools") + "/plain"
	const skip = `{"metadata":{"labels":{"ark.mckinsey.com/skip-webhook-validation":"true"}}`
	a.merge(t, 422, plain, skip+`,"spec":{"agent":null}}`)
	a.merge(t, 200, plain, skip+`}`)
	a.merge(t, 200, plain, `{"spec":{"agent":null}}`)
}

func TestFieldSelectorsAndSort(t *testing.T) {
	r := start(t, t.TempDir())
	a := requests{r.raw(t)}
	a.create(t, 201, "agents", "Agent", "researcher", `"spec":{"modelRef":{"name":"gpt"}}`)
	a.create(t, 201, "agents", "Agent", "writer", `"spec":{}`)
	queries := collection(arkV1, "default", "queries")
	for i, phase := range []string{"done", "running", "done", "error"} {
		name := fmt.Sprintf("q-%d", i)
		a.create(t, 201, "queries", "Query", name, fmt.Sprintf(`"spec":{"input":"x","sessionId":"s-%d","target":{"type":"agent","name":"researcher"}}`, i%2))
		a.merge(t, 200, queries+"/"+name+"/status", fmt.Sprintf(`{"status":{"phase":%q,"duration":"%ds"}}`, phase, 100-9*i))
	}
	a.create(t, 201, "queries", "Query", "q-9", `"spec":{"input":"x","selector":{}}`)
	for query, want := range map[string]string{
		"fieldSelector=status.phase=done":                                  "q-0 q-2",
		"fieldSelector=status.phase==done,spec.sessionId=s-0":              "q-0 q-2",
		"fieldSelector=status.phase!=done":                                 "q-1 q-3 q-9",
		"fieldSelector=status.phase!=done,spec.target.name=researcher":     "q-1 q-3",
		"fieldSelector=status.phase=":                                      "q-9",
		"fieldSelector=spec.target.type=agent,status.phase=error":          "q-3",
		"fieldSelector=spec.target.name=researcher,metadata.name=q-1":      "q-1",
		"fieldSelector=spec.conversationId=c":                              "",
		"resourceVersion=0&fieldSelector=status.phase=done":                "q-0 q-2",
		"sortBy=.status.phase":                                             "q-9 q-0 q-2 q-3 q-1",
		"sortBy=-.status.duration&fieldSelector=spec.target.type=agent":    "q-0 q-1 q-2 q-3",
		"sortBy=status.duration&fieldSelector=spec.target.name=researcher": "q-3 q-2 q-1 q-0",
	} {
		list, err := a.do(t, 200, http.MethodGet, queries+"?"+query, "", "").ToList()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, item := range list.Items {
			names = append(names, item.GetName())
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	if list, err := a.do(t, 200, http.MethodGet, collection(arkV1, "default", "agents")+"?fieldSelector=spec.modelRef.name=gpt", "", "").ToList(); err != nil || len(list.Items) != 1 {
		t.Errorf("agents of the model gpt: %v, %v", list, err)
	}
	for query, want := range map[string]string{
		"fieldSelector=spec.input=x":          "use one of metadata.name, metadata.namespace, status.phase",
		"sortBy=.spec.nothing":                `there is no field "nothing"`,
		"sortBy=.status.phase&limit=2":        "cannot be combined with limit",
		"sortBy=.status.phase&watch=true":     "sortBy is for lists",
		"sortBy={.a":                          "closing brace",
		"sortBy=.spec&fieldSelector=":         "name a value in it",
		"fieldSelector=status.phase in (a,b)": "invalid",
	} {
		status := a.do(t, 400, http.MethodGet, queries+"?"+query, "", "")
		if got := str(t, status, "message"); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

func TestShortNamesAndCategory(t *testing.T) {
	r := start(t, t.TempDir())
	seen := map[string]string{}
	for _, gv := range []string{arkV1, "ark.mckinsey.com/v1prealpha1", "v1"} {
		resources, err := r.core.Discovery().ServerResourcesForGroupVersion(gv)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range resources.APIResources {
			if strings.Contains(resource.Name, "/") {
				continue
			}
			for _, short := range append(resource.ShortNames, resource.Name, resource.SingularName) {
				if other, taken := seen[short]; taken && other != resource.Name {
					t.Errorf("%s stands for %s and %s", short, other, resource.Name)
				}
				seen[short] = resource.Name
			}
			if gv != "v1" && (len(resource.ShortNames) == 0 || len(resource.Categories) != 1 || resource.Categories[0] != "ark") {
				t.Errorf("%s: short names %v, categories %v", resource.Name, resource.ShortNames, resource.Categories)
			}
		}
	}
	if seen["qry"] != "queries" || seen["cm"] != "configmaps" {
		t.Errorf("short names: %v", seen)
	}
}
