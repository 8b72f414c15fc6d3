package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// post sends an object, and checks the status code of the answer.
func post[T any](t *testing.T, as *rest.Config, path, body string, want int) (into T) {
	t.Helper()
	code, text := request(t, as, "POST", path, body, "Content-Type", "application/json")
	if code != want {
		t.Fatalf("%s: %d, want %d: %s", path, code, want, text)
	}
	if err := json.Unmarshal([]byte(text), &into); err != nil {
		t.Fatalf("%s: %v: %s", path, err, text)
	}
	return into
}

type object struct {
	Metadata struct {
		Name, UID, ResourceVersion string
		Generation                 int64
		Labels, Annotations        map[string]string
	}
	Spec   map[string]any
	Status map[string]any
}

func makeAgent(t *testing.T, s *serving, name, prompt string) {
	t.Helper()
	create(t, s, agentsPath, fmt.Sprintf(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":%q,"labels":{"v":%[2]q}},"spec":{"prompt":%[2]q}}`, name, prompt))
}

func makeModel(t *testing.T, s *serving, name, key string) {
	t.Helper()
	create(t, s, modelsPath, fmt.Sprintf(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":%q},"spec":{"provider":"openai","type":"completions","model":{"value":"m"},"config":{"openai":{"baseUrl":{"value":"https://example.com"},"apiKey":{"value":%q}}}}}`, name, key))
}

// TestHistoryOfAnObject reads the history of an object, a version, a difference, and the author of
// a field.
func TestHistoryOfAnObject(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	makeAgent(t, s, "x", "one")
	s.allow(t, "mia", "patch agents ark.mckinsey.com")
	patch(t, s.as("mia"), agentsPath+"/x", `{"spec":{"prompt":"two"}}`)
	patch(t, s.admin, agentsPath+"/x", `{"metadata":{"labels":{"v":null,"w":"a.b"}}}`)
	list := get[revisionList](t, s.admin, agentsPath+"/x/history", 200)
	if len(list.Items) != 3 {
		t.Fatalf("%q", list.names())
	}
	for i, want := range []string{"[metadata.labels.v metadata.labels.w]", "[spec.prompt]", "[]"} {
		if got := fmt.Sprint(list.Items[i].ChangedPaths); got != want {
			t.Errorf("version %d changed %s, want %s", i, got, want)
		}
	}
	first := get[revisionList](t, s.admin, agentsPath+"/x/history?limit=1", 200)
	second := get[revisionList](t, s.admin, agentsPath+"/x/history?limit=1&continue="+first.Metadata.Continue, 200)
	if fmt.Sprint(first.Items, second.Items) != fmt.Sprint(list.Items[:1], list.Items[1:2]) {
		t.Errorf("pages: %+v %+v", first, second)
	}
	oldest := list.Items[2].Metadata.ResourceVersion
	if one := get[revision](t, s.admin, agentsPath+"/x/history/"+oldest, 200); one.Snapshot["spec"].(map[string]any)["prompt"] != "one" {
		t.Errorf("%+v", one.Snapshot)
	}
	_, text := request(t, s.admin, "GET", agentsPath+"/x/diff?from="+oldest, "")
	for _, want := range []string{"--- agent.x." + oldest, "-  prompt: one\n", "+  prompt: two\n", "+    w: a.b\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	_, text = request(t, s.admin, "GET", agentsPath+"/x/diff?format=jsonpatch", "")
	if want := `[{"op":"remove","path":"/metadata/labels/v"},{"op":"add","path":"/metadata/labels/w","value":"a.b"}]`; strings.TrimSpace(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
	paths := get[struct {
		From, To int64
		Items    []struct{ Path, Old, New string }
	}](t, s.admin, agentsPath+"/x/diff?format=paths&to="+list.Items[1].Metadata.ResourceVersion, 200)
	if len(paths.Items) != 1 || paths.Items[0].Path != "spec.prompt" || paths.Items[0].Old != "one" || paths.Items[0].New != "two" || paths.From != list.Items[2].Revision {
		t.Errorf("%+v", paths)
	}
	blame := get[struct {
		Items []struct {
			Path, Value, User string
			Revision          int64
		}
	}](t, s.admin, agentsPath+"/x/blame?path=spec.prompt", 200)
	if len(blame.Items) != 1 || blame.Items[0].User != "mia" || blame.Items[0].Value != "two" || blame.Items[0].Revision != list.Items[1].Revision {
		t.Errorf("%+v", blame)
	}
	for path, want := range map[string]int{
		"/x/history/1": 404, "/x/history/one": 400, "/none/history": 404, "/x/diff?format=html": 400, "/x/diff?from=-1": 400, "/none/blame": 404,
		"/x/history?limit=x": 400, "/x/diff/1": 404, "/x/history/1/2": 404, "/x/rollback": 405, "/x/history?since=never": 400,
	} {
		get[status](t, s.admin, agentsPath+path, want)
	}
}

// TestRollback checks that a rollback is a new version, with the validation of any write.
func TestRollback(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	makeAgent(t, s, "x", "one")
	patch(t, s.admin, agentsPath+"/x", `{"metadata":{"labels":{"v":"two","more":"y"},"finalizers":["a.test/b"]},"spec":{"prompt":"two"}}`)
	list := get[revisionList](t, s.admin, agentsPath+"/x/history", 200)
	back := fmt.Sprintf(`{"spec":{"revision":%d}}`, list.Items[1].Revision)
	before := get[object](t, s.admin, agentsPath+"/x", 200)

	// A rollback requires the permission to update.
	s.allow(t, "eve", "list,get revisions records.ark.mckinsey.com", "list,get agents ark.mckinsey.com", "create agents/rollback ark.mckinsey.com")
	post[status](t, s.as("eve"), agentsPath+"/x/rollback", back, 403)
	dry := post[object](t, s.admin, agentsPath+"/x/rollback?dryRun=All", back, 200)
	if still := get[object](t, s.admin, agentsPath+"/x", 200); !reflect.DeepEqual(still, before) || dry.Spec["prompt"] != "one" {
		t.Errorf("a dry run: %+v, left %+v", dry, still)
	}
	s.allow(t, "mia", "list revisions records.ark.mckinsey.com", "list,update agents ark.mckinsey.com", "create agents/rollback ark.mckinsey.com")
	after := post[object](t, s.as("mia"), agentsPath+"/x/rollback", back, 200)
	if after.Spec["prompt"] != "one" || fmt.Sprint(after.Metadata.Labels) != "map[v:one]" || after.Metadata.UID != before.Metadata.UID || after.Metadata.Generation != 3 ||
		after.Metadata.Annotations["ark.mckinsey.com/change-cause"] != fmt.Sprintf("rollback to revision %d", list.Items[1].Revision) {
		t.Errorf("%+v", after)
	}
	newest := get[revisionList](t, s.admin, agentsPath+"/x/history", 200).Items[0]
	if newest.User != "mia" || newest.Verb != "update" || newest.Metadata.ResourceVersion != after.Metadata.ResourceVersion {
		t.Errorf("%+v", newest)
	}
	post[status](t, s.admin, agentsPath+"/x/rollback", `{"spec":{"revision":1}}`, 404)
	post[status](t, s.admin, agentsPath+"/x/rollback", `{"spec":{}}`, 400)
	post[status](t, s.admin, agentsPath+"/x/rollback", `{`, 400)
}

// TestUndelete checks that a deleted object can be read, and is restored with another uid and its
// old history.
func TestUndelete(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	makeAgent(t, s, "x", "one")
	makeAgent(t, s, "y", "two")
	makeModel(t, s, "m", "s3cret-marker")
	was := get[object](t, s.admin, agentsPath+"/x", 200)
	for _, path := range []string{agentsPath + "/x", agentsPath + "/y", modelsPath + "/m"} {
		if code, text := request(t, s.admin, "DELETE", path, ""); code != 200 {
			t.Fatalf("%d: %s", code, text)
		}
	}
	list := get[revisionList](t, s.admin, recordsPath+"deletedobjects", 200)
	if len(list.Items) != 3 {
		t.Fatalf("%q", list.names())
	}
	var paged []string
	for path := "?limit=1"; path != ""; {
		page := get[revisionList](t, s.admin, recordsPath+"deletedobjects"+path, 200)
		paged = append(paged, page.names()...)
		if path = ""; page.Metadata.Continue != "" {
			path = "?limit=1&continue=" + url.QueryEscape(page.Metadata.Continue)
		}
	}
	if fmt.Sprint(paged) != fmt.Sprint(list.names()) {
		t.Errorf("paged: %q, want %q", paged, list.names())
	}
	name, model := list.Items[0].Metadata.Name, list.Items[2].Metadata.Name
	if one := get[revision](t, s.admin, recordsPath+"deletedobjects/"+name, 200); one.Snapshot["spec"].(map[string]any)["prompt"] != "one" || one.User != "ark-admin" {
		t.Errorf("%+v", one)
	}
	const records, ark = "records.ark.mckinsey.com", "ark.mckinsey.com"
	s.allow(t, "eve", "list,get revisions,deletedobjects "+records, "list models "+ark, "create deletedobjects/undelete "+records)
	if seen := get[revisionList](t, s.as("eve"), recordsPath+"deletedobjects?limit=1", 200); fmt.Sprint(seen.names()) != "["+model+"]" || seen.Metadata.Continue != "" {
		t.Errorf("who may list models sees %q", seen.names())
	}
	if _, text := request(t, s.as("eve"), "GET", recordsPath+"deletedobjects/"+model, ""); strings.Contains(text, "s3cret-marker") || !strings.Contains(text, "REDACTED") {
		t.Errorf("a key is shown: %s", text)
	}
	get[status](t, s.as("eve"), recordsPath+"deletedobjects/"+name, 404)
	post[status](t, s.as("eve"), recordsPath+"deletedobjects/"+model+"/undelete", `{}`, 403)
	undelete := recordsPath + "deletedobjects/" + name + "/undelete"
	post[map[string]any](t, s.admin, undelete+"?dryRun=All", `{}`, 201)
	get[status](t, s.admin, agentsPath+"/x", 404)
	done := post[struct {
		Status struct {
			Object      struct{ UID, Name string }
			PreviousUID string
		}
	}](t, s.admin, undelete, `{}`, 201)
	now := get[object](t, s.admin, agentsPath+"/x", 200)
	if now.Metadata.UID == was.Metadata.UID || now.Metadata.UID != done.Status.Object.UID || done.Status.PreviousUID != was.Metadata.UID ||
		now.Metadata.Annotations["ark.mckinsey.com/undeleted-uid"] != was.Metadata.UID || !reflect.DeepEqual(now.Spec, was.Spec) || now.Metadata.Labels["v"] != "one" {
		t.Errorf("%+v, was %+v; %+v", now, was, done)
	}
	if lineage := get[revisionList](t, s.admin, agentsPath+"/x/history", 200); len(lineage.Items) != 3 {
		t.Errorf("the history of both lives: %q", lineage.names())
	}
	get[status](t, s.admin, recordsPath+"deletedobjects/"+name, 404)
	post[status](t, s.admin, undelete, `{}`, 404)
}

// TestAsOf checks that a list as of a time equals the list at that time.
func TestAsOf(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	makeAgent(t, s, "x", "one")
	makeAgent(t, s, "y", "one")
	makeModel(t, s, "m", "s3cret-marker")
	_, then := request(t, s.admin, "GET", agentsPath, "")
	_, models := request(t, s.admin, "GET", modelsPath, "")
	_, single := request(t, s.admin, "GET", agentsPath+"/x", "")
	time.Sleep(20 * time.Millisecond)
	at := url.QueryEscape(time.Now().UTC().Format(time.RFC3339Nano))
	time.Sleep(20 * time.Millisecond)
	patch(t, s.admin, agentsPath+"/x", `{"metadata":{"labels":{"v":"two"}},"spec":{"prompt":"two"}}`)
	if code, _ := request(t, s.admin, "DELETE", agentsPath+"/y", ""); code != 200 {
		t.Fatal(code)
	}
	makeAgent(t, s, "z", "one")
	type list struct {
		Metadata struct{ Continue, ResourceVersion string }
		Items    []any
	}
	parse := func(text string) (l list) {
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	_, past := request(t, s.admin, "GET", agentsPath+"?asOf="+at, "")
	if got, want := parse(past), parse(then); !reflect.DeepEqual(got.Items, want.Items) || len(got.Items) != 2 {
		t.Errorf("as of then:\n%s\nwas\n%s", past, then)
	}
	if byVersion := get[list](t, s.admin, agentsPath+"?asOf="+parse(then).Metadata.ResourceVersion, 200); !reflect.DeepEqual(byVersion, parse(then)) {
		t.Errorf("as of its version: %+v, was %s", byVersion, then)
	}
	get[status](t, s.admin, agentsPath+"?asOf=99999999", 400)
	if _, text := request(t, s.admin, "GET", agentsPath+"/x?asOf="+at, ""); text != single {
		t.Errorf("as of then:\n%s\nwas\n%s", text, single)
	}
	page := get[list](t, s.admin, agentsPath+"?limit=1&asOf="+at, 200)
	rest := get[list](t, s.admin, agentsPath+"?limit=1&asOf="+at+"&continue="+url.QueryEscape(page.Metadata.Continue), 200)
	if !reflect.DeepEqual(append(page.Items, rest.Items...), parse(then).Items) || rest.Metadata.Continue != "" || page.Metadata.ResourceVersion != rest.Metadata.ResourceVersion {
		t.Errorf("pages: %+v %+v", page, rest)
	}
	if some := get[list](t, s.admin, agentsPath+"?labelSelector=v%3Dtwo&asOf="+at, 200); len(some.Items) != 0 {
		t.Errorf("a label of later: %v", some.Items)
	}
	if _, table := request(t, s.admin, "GET", agentsPath+"?asOf="+at, "", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"); !strings.Contains(table, `"kind":"Table"`) {
		t.Errorf("%s", table)
	}
	get[status](t, s.admin, agentsPath+"/z?asOf="+at, 404)
	if gone := get[status](t, s.admin, agentsPath+"?asOf=2020-01-01T00:00:00Z", http.StatusGone); !strings.Contains(gone.Message, "oldest") {
		t.Errorf("%+v", gone)
	}
	get[status](t, s.admin, agentsPath+"?asOf=2999-01-01T00:00:00Z", 400)
	get[status](t, s.admin, agentsPath+"?asOf=then", 400)
	get[status](t, s.admin, agentsPath+"?watch=true&asOf="+at, 400)

	const records, ark = "records.ark.mckinsey.com", "ark.mckinsey.com"
	s.allow(t, "rows", "list,get agents "+ark)
	s.allow(t, "lister", "list revisions "+records, "list models "+ark)
	s.allow(t, "getter", "list revisions "+records, "list,get models "+ark)
	get[status](t, s.as("rows"), agentsPath+"?asOf="+at, 403)
	get[status](t, s.as("rows"), agentsPath+"/x?asOf="+at, 403)
	if _, text := request(t, s.as("lister"), "GET", modelsPath+"?asOf="+at, ""); strings.Contains(text, "s3cret-marker") || !strings.Contains(text, "REDACTED") {
		t.Errorf("a key is shown: %s", text)
	}
	if _, text := request(t, s.as("getter"), "GET", modelsPath+"?asOf="+at, ""); !reflect.DeepEqual(parse(text).Items, parse(models).Items) {
		t.Errorf("%s, was %s", text, models)
	}
}

// TestHistoryHidesKeys checks that no path of the history shows a key to users who may not get the
// object, or anything to users who may not list it.
func TestHistoryHidesKeys(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	makeModel(t, s, "m", "s3cret-marker-1")
	patch(t, s.admin, modelsPath+"/m", `{"spec":{"config":{"openai":{"apiKey":{"value":"s3cret-marker-2"}}}}}`)
	list := get[revisionList](t, s.admin, modelsPath+"/m/history", 200)
	const records, ark = "records.ark.mckinsey.com", "ark.mckinsey.com"
	subresources := "get models/history,models/diff,models/blame " + ark
	s.allow(t, "lister", "list,get revisions "+records, "list models "+ark, subresources)
	s.allow(t, "getter", "list,get revisions "+records, "list,get models "+ark, subresources)
	s.allow(t, "blind", "list,get revisions "+records, subresources)
	s.allow(t, "plain", "list,get models "+ark, subresources)
	for _, path := range []string{
		"/history", "/history/" + list.Items[0].Metadata.ResourceVersion, "/diff", "/diff?format=jsonpatch", "/diff?format=paths", "/blame",
	} {
		code, text := request(t, s.as("lister"), "GET", modelsPath+"/m"+path, "")
		if code != 200 || strings.Contains(text, "s3cret") {
			t.Errorf("%s shows a key: %d %s", path, code, text)
		}
		code, text = request(t, s.as("getter"), "GET", modelsPath+"/m"+path, "")
		if code != 200 || path != "/history" && !strings.Contains(text, "s3cret-marker-2") {
			t.Errorf("%s hides a key from whom it should not: %d %s", path, code, text)
		}
		for _, user := range []string{"blind", "plain"} {
			if code, text = request(t, s.as(user), "GET", modelsPath+"/m"+path, ""); code != 403 {
				t.Errorf("%s: %s gets %d %s", path, user, code, text)
			}
		}
	}
}
