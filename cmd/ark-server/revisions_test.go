package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

const (
	agentsPath    = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents"
	modelsPath    = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/models"
	recordsPath   = "/apis/records.ark.mckinsey.com/v1alpha1/namespaces/default/"
	revisionsPath = recordsPath + "revisions"
)

// as returns the admin's configuration, acting as a user.
func (s *serving) as(name string) *rest.Config {
	c := rest.CopyConfig(s.admin)
	c.Impersonate = rest.ImpersonationConfig{UserName: name}
	return c
}

// allow grants a user permissions in the namespace default; a rule is VERBS RESOURCES GROUP, and
// may have names.
func (s *serving) allow(t *testing.T, user string, rules ...string) {
	t.Helper()
	var list []string
	for _, rule := range rules {
		part := strings.Fields(rule)
		quoted := func(text string) string { return `["` + strings.ReplaceAll(text, ",", `","`) + `"]` }
		one := fmt.Sprintf(`{"verbs":%s,"resources":%s,"apiGroups":[%q]`, quoted(part[0]), quoted(part[1]), part[2])
		if len(part) > 3 {
			one += `,"resourceNames":` + quoted(part[3])
		}
		list = append(list, one+"}")
	}
	first := strings.Fields(rules[0])
	verb, _, _ := strings.Cut(first[0], ",")
	resource, _, _ := strings.Cut(first[1], ",")
	resource, sub, _ := strings.Cut(resource, "/")
	name := ""
	if len(first) > 3 {
		name, _, _ = strings.Cut(first[3], ",")
	}
	const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/"
	create(t, s, rbac+"roles", fmt.Sprintf(`{"metadata":{"name":%q},"rules":[%s]}`, user, strings.Join(list, ",")))
	create(t, s, rbac+"rolebindings", fmt.Sprintf(`{"metadata":{"name":%q},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":%[1]q}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":%[1]q}}`, user))
	// The server reads roles through a watch.
	review := fmt.Sprintf(`{"spec":{"user":%q,"groups":["system:authenticated"],"resourceAttributes":{"namespace":"default","verb":%q,"resource":%q,"subresource":%q,"group":%q,"name":%q}}}`, user, verb, resource, sub, first[2], name)
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		_, text := request(t, s.admin, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review, "Content-Type", "application/json")
		if strings.Contains(text, `"allowed":true`) {
			return
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("%s may not do what its role says: %s", user, text)
		}
	}
}

// patch merges into an object, as a user.
func patch(t *testing.T, as *rest.Config, path, body string) {
	t.Helper()
	if code, text := request(t, as, "PATCH", path, body, "Content-Type", "application/merge-patch+json"); code != 200 {
		t.Fatalf("patch %s: %d: %s", path, code, text)
	}
}

// get returns the body of a path, and checks the status code.
func get[T any](t *testing.T, as *rest.Config, path string, want int) (into T) {
	t.Helper()
	code, text := request(t, as, "GET", path, "")
	if code != want {
		t.Fatalf("%s: %d, want %d: %s", path, code, want, text)
	}
	if err := json.Unmarshal([]byte(text), &into); err != nil {
		t.Fatalf("%s: %v: %s", path, err, text)
	}
	return into
}

type revision struct {
	Metadata     struct{ Name, Namespace, UID, ResourceVersion string }
	Object       struct{ Kind, Namespace, Name, UID string }
	Revision     int64
	Generation   int64
	Verb, User   string
	Groups       []string
	Impersonator string
	AuditID      string
	Cause        string
	ChangedPaths []string
	Snapshot     map[string]any
}

type revisionList struct {
	Metadata struct{ Continue, ResourceVersion string }
	Items    []revision
}

func (l revisionList) names() (names []string) {
	for _, r := range l.Items {
		names = append(names, r.Metadata.Name)
	}
	return names
}

type status struct {
	Code            int
	Reason, Message string
}

// TestRevisions reads the history: the author, the change, the time, the reason, and the object at
// a revision.
func TestRevisions(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	create(t, s, agentsPath, `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"a.b"},"spec":{"prompt":"one"}}`)
	s.allow(t, "mia", "patch agents ark.mckinsey.com")
	patch(t, s.as("mia"), agentsPath+"/a.b", `{"metadata":{"annotations":{"ark.mckinsey.com/change-cause":"it was wrong"}},"spec":{"prompt":"two"}}`)
	list := get[revisionList](t, s.admin, revisionsPath+"?fieldSelector=object.kind=Agent,object.name=a.b", 200)
	if len(list.Items) != 2 || list.Items[0].Verb != "patch" || list.Items[1].Verb != "create" || list.Items[0].Snapshot != nil {
		t.Fatalf("%+v", list)
	}
	newest := get[revision](t, s.admin, revisionsPath+"/"+list.Items[0].Metadata.Name, 200)
	if newest.User != "mia" || newest.Impersonator == "" || newest.Cause != "it was wrong" || newest.Generation != 2 || newest.AuditID == "" ||
		newest.Metadata.Name != fmt.Sprintf("agent.a.b.%d", newest.Revision) || newest.Object.Kind != "Agent" || newest.Object.Name != "a.b" {
		t.Errorf("%+v", newest)
	}
	if want := []string{`metadata.annotations["ark.mckinsey.com/change-cause"]`, "spec.prompt"}; !slices.Equal(newest.ChangedPaths, want) {
		t.Errorf("changed paths: %q, want %q", newest.ChangedPaths, want)
	}
	now := get[map[string]any](t, s.admin, agentsPath+"/a.b", 200)
	if fmt.Sprint(newest.Snapshot) != fmt.Sprint(now) {
		t.Errorf("the newest snapshot is not the object:\n%v\n%v", newest.Snapshot, now)
	}
	oldest := get[revision](t, s.admin, revisionsPath+"/"+list.Items[1].Metadata.Name, 200)
	if spec := fmt.Sprint(oldest.Snapshot["spec"]); !strings.Contains(spec, "one") {
		t.Errorf("the oldest snapshot has %s", spec)
	}
	for selector, want := range map[string]int{
		"user=mia": 1, "verb=create,object.kind=Agent": 1, "object.uid=" + newest.Object.UID: 2, "object.kind=Agent,user!=mia": 1, "object.kind=Model": 0,
		"metadata.name=" + newest.Metadata.Name: 1, "metadata.name=agent.a.b": 0, "object.kind=Agent,object.name=a": 0,
	} {
		if found := get[revisionList](t, s.admin, revisionsPath+"?fieldSelector="+url.QueryEscape(selector), 200); len(found.Items) != want {
			t.Errorf("%s: %q, want %d", selector, found.names(), want)
		}
	}
	for path, want := range map[string]int{
		"?fieldSelector=phase=done": 400, "?fieldSelector=object.kind=Pod": 400, "?fieldSelector=object.kind=agent": 400, "?since=yesterday": 400, "?continue=x!": 400,
		"/agent.a.b.999999": 404, "/agent.a.b": 404, "/pod.a.1": 404, "/AGENT.a.b." + list.Items[0].Metadata.ResourceVersion: 404,
	} {
		get[status](t, s.admin, revisionsPath+path, want)
	}
	if all := get[revisionList](t, s.admin, revisionsPath+"?since=1h", 200); len(all.Items) < 2 {
		t.Errorf("of the last hour: %q", all.names())
	}
	if none := get[revisionList](t, s.admin, revisionsPath+"?until=1h", 200); len(none.Items) != 0 {
		t.Errorf("of more than an hour ago: %q", none.names())
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		if code, text := request(t, s.admin, method, revisionsPath+"/"+newest.Metadata.Name, "{}", "Content-Type", "application/merge-patch+json"); code != 405 {
			t.Errorf("%s: %d: %s", method, code, text)
		}
	}
	for method, path := range map[string]string{"DELETE": revisionsPath, "GET": revisionsPath + "?watch=true"} {
		if code, text := request(t, s.admin, method, path, ""); code != 405 {
			t.Errorf("%s %s: %d: %s", method, path, code, text)
		}
	}
}

// TestRecordsGroupIsOne checks that discovery has all resources of the group with their verbs, and
// OpenAPI all its kinds.
func TestRecordsGroupIsOne(t *testing.T) {
	s := startServing(t, "--engine=external")
	type resource struct {
		Name, Kind string
		Verbs      []string
	}
	found := map[string]string{}
	for _, r := range get[struct{ Resources []resource }](t, s.admin, "/apis/records.ark.mckinsey.com/v1alpha1", 200).Resources {
		slices.Sort(r.Verbs)
		found[r.Name] = r.Kind + " " + strings.Join(r.Verbs, ",")
	}
	for name, want := range map[string]string{
		"revisions": "Revision get,list", "retentionruns": "RetentionRun create", "purges": "Purge create",
		"retentionpolicies": "RetentionPolicy create,delete,deletecollection,get,list,patch,update,watch", "deletedobjects": "DeletedObject get,list", "deletedobjects/undelete": "Undelete create", "sqlqueries": "SQLQuery create", "searches": "Search create",
		"summaries": "Summary create", "reports": "Report create,delete,deletecollection,get,list,patch,update,watch",
	} {
		if found[name] != want {
			t.Errorf("%s is %q, want %q", name, found[name], want)
		}
	}
	_, v3 := request(t, s.admin, "GET", "/openapi/v3/apis/records.ark.mckinsey.com/v1alpha1", "")
	_, v2 := request(t, s.admin, "GET", "/openapi/v2", "")
	for _, kind := range []string{"Revision", "SQLQuery", "Search", "Summary", "Report"} {
		for _, text := range []string{v3, v2} {
			if !strings.Contains(text, `"com.mckinsey.ark.records.v1alpha1.`+kind+`"`) {
				t.Errorf("no schema of %s", kind)
			}
		}
	}
	if _, groups := request(t, s.admin, "GET", "/apis", ""); strings.Count(groups, `"name":"records.ark.mckinsey.com"`) != 1 {
		t.Errorf("the group is not there once: %s", groups)
	}
	// Without a history the answer describes how to enable one.
	off := startServing(t, "--engine=external", "--history=off")
	if got := get[status](t, off.admin, revisionsPath, http.StatusConflict); !strings.Contains(got.Message, "--history=on") {
		t.Errorf("%+v", got)
	}
	if code, text := request(t, s.admin, "POST", recordsPath+"searches", `{"spec":{"query":"x"}}`); code == 404 || code == 405 {
		t.Errorf("searches: %d: %s", code, text)
	}
}

// TestRevisionsOfOthers checks that users see revisions of the objects that they may list, cannot
// count others, and that pages name none of them.
func TestRevisionsOfOthers(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	const secret = "s3cret-marker"
	model := func(name string) {
		create(t, s, modelsPath, fmt.Sprintf(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":%q},"spec":{"provider":"openai","type":"completions","model":{"value":"m"},"config":{"openai":{"baseUrl":{"value":"https://example.com"},"apiKey":{"value":%q}}}}}`, name, secret))
	}
	agent := func(name string) {
		create(t, s, agentsPath, fmt.Sprintf(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":%q},"spec":{"prompt":"p"}}`, name))
	}
	for i := range 4 {
		agent(fmt.Sprintf("a%d", i))
		model(fmt.Sprintf("m%d", i))
	}
	const records, ark = "records.ark.mckinsey.com", "ark.mckinsey.com"
	s.allow(t, "kinds", "get,list revisions "+records, "list agents "+ark)
	s.allow(t, "names", "get,list revisions "+records, "list agents "+ark+" a2")
	s.allow(t, "nothing", "get,list revisions "+records)
	s.allow(t, "rows", "list,get agents "+ark)
	s.allow(t, "lister", "get,list revisions "+records, "list models "+ark)
	s.allow(t, "getter", "get,list revisions "+records, "list,get models "+ark)
	all := get[revisionList](t, s.admin, revisionsPath, 200)
	ofAccess := func(r revision) bool { return strings.HasPrefix(r.Object.Kind, "Role") } // the roles that allow created
	if all.Items = slices.DeleteFunc(all.Items, ofAccess); len(all.Items) != 8 {
		t.Fatalf("%q", all.names())
	}
	for user, want := range map[string]int{"kinds": 4, "names": 1, "nothing": 0} {
		var names []string
		path := revisionsPath + "?limit=1"
		for pages := 0; ; pages++ {
			page := get[revisionList](t, s.as(user), path, 200)
			names = append(names, page.names()...)
			if page.Metadata.Continue == "" {
				if pages > max(want-1, 0) {
					t.Errorf("%s gets %d pages for %d rows: the number of pages tells of hidden ones", user, pages+1, want)
				}
				break
			}
			path = revisionsPath + "?limit=1&continue=" + page.Metadata.Continue
		}
		if len(names) != want || strings.Contains(strings.Join(names, " "), "model.") {
			t.Errorf("%s sees %q, want %d", user, names, want)
		}
	}
	get[status](t, s.as("rows"), revisionsPath, 403)
	hidden := slices.IndexFunc(all.Items, func(r revision) bool { return r.Object.Name == "m1" })
	name := all.Items[hidden].Metadata.Name
	missing := get[status](t, s.as("kinds"), revisionsPath+"/"+name, 404)
	absent := get[status](t, s.as("kinds"), revisionsPath+"/model.none.3", 404)
	if strings.ReplaceAll(missing.Message, name, "model.none.3") != absent.Message {
		t.Errorf("a hidden revision is told from none: %q and %q", missing.Message, absent.Message)
	}
	for user, open := range map[string]bool{"lister": false, "getter": true} {
		_, text := request(t, s.as(user), "GET", revisionsPath+"/"+name, "")
		if strings.Contains(text, secret) != open || !strings.Contains(text, `"baseUrl"`) {
			t.Errorf("%s sees the key: %t: %s", user, !open, text)
		}
	}
}
