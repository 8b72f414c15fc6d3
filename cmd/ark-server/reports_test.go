package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

const reportsPath = recordsPath + "reports"

type reportList struct {
	Metadata struct{ Continue, ResourceVersion string }
	Items    []struct {
		Metadata struct {
			Name, Namespace string
			Labels          map[string]string
		}
	}
}

func (l reportList) names() (all []string) {
	for _, one := range l.Items {
		all = append(all, one.Metadata.Name)
	}
	return all
}

// TestReportsAreKept checks that reports are an ordinary kind: they are stored, validated, changed
// and deleted. The built-in reports are listed with them, read-only.
func TestReportsAreKept(t *testing.T) {
	s := startServing(t, "--engine=external")
	makeAgent(t, s, "one", "hi")
	ready := len(get[reportList](t, s.admin, reportsPath, 200).Items)
	if ready < 30 {
		t.Fatalf("there are %d ready reports", ready)
	}
	for spec, want := range map[string]string{
		`{}`:                                    "spec.query: Required",
		`{"query":"select absent from agents"}`: "spec.query: Invalid value: no such column: absent (line 1, column 8)",
		`{"query":"select * from main.k_agents"}`:                          "not allowed",
		`{"query":"select :x"}`:                                            "has no value",
		`{"query":"select 1","parameters":[1]}`:                            "spec.parameters",
		`{"query":"select 1","parameters":{"x":[1]}}`:                      "spec.parameters",
		`{"query":"select name from agents","columns":[{"name":"other"}]}`: "the statement's columns are name",
	} {
		if got := post[status](t, s.admin, reportsPath, `{"metadata":{"name":"bad"},"spec":`+spec+`}`, 422); !strings.Contains(got.Message, want) {
			t.Errorf("%s: %s", spec, got.Message)
		}
	}
	const spec = `{"description":"by prompt","query":"select name from agents where prompt = :prompt","parameters":{"prompt":"hi"},"columns":[{"name":"name","description":"the agent"}]}`
	made := post[object](t, s.admin, reportsPath, `{"apiVersion":"records.ark.mckinsey.com/v1alpha1","kind":"Report","metadata":{"name":"mine"},"spec":`+spec+`}`, 201)
	if made.Metadata.Generation != 1 {
		t.Errorf("generation %d", made.Metadata.Generation)
	}
	run := func(user, body string, code int, want string) {
		t.Helper()
		client := s.admin
		if user != "" {
			client = s.as(user)
		}
		if got, text := request(t, client, "POST", recordsPath+"sqlqueries", body, "Content-Type", "application/json"); got != code || !strings.Contains(text, want) {
			t.Errorf("%s: %s: %d %s, want %d %s", user, body, got, text, code, want)
		}
	}
	run("", `{"spec":{"report":"mine"}}`, 201, `"rows":[["one"]]`)
	run("", `{"spec":{"report":"mine","parameters":{"prompt":"no"}}}`, 201, `"rows":[]`)
	run("", `{"spec":{"report":"mine","parameters":{"name":"no"}}}`, 400, "it has prompt")
	run("", `{"spec":{"report":"agents-by-model"}}`, 201, `"rows":[["default",1]]`)
	// A user who may not get a report cannot run it, or find out that it exists. Built-in reports run
	// with the caller's permissions.
	const group = "records.ark.mckinsey.com"
	s.allow(t, "runner", "create sqlqueries "+group)
	s.allow(t, "reader", "create sqlqueries "+group, "get reports "+group+" mine", "list agents ark.mckinsey.com")
	run("runner", `{"spec":{"report":"mine"}}`, 404, `reports.records.ark.mckinsey.com \"mine\" not found`)
	run("runner", `{"spec":{"report":"absent"}}`, 404, `reports.records.ark.mckinsey.com \"absent\" not found`)
	run("runner", `{"spec":{"report":"agents-by-model"}}`, 201, `"rows":[]`)
	run("reader", `{"spec":{"report":"mine"}}`, 201, `"rows":[["one"]]`)

	patch(t, s.admin, reportsPath+"/mine", `{"spec":{"query":"select name, prompt from agents","parameters":null,"columns":null}}`)
	if now := get[object](t, s.admin, reportsPath+"/mine", 200); now.Metadata.Generation != 2 {
		t.Errorf("generation %d", now.Metadata.Generation)
	}
	// The built-in reports are read-only.
	if got := post[status](t, s.admin, reportsPath, `{"metadata":{"name":"retries"},"spec":{"query":"select 1"}}`, 409); got.Reason != "AlreadyExists" {
		t.Errorf("%+v", got)
	}
	for method, body := range map[string]string{"PATCH": `{"spec":{"query":"select 1"}}`, "DELETE": ""} {
		if code, text := request(t, s.admin, method, reportsPath+"/retries", body, "Content-Type", "application/merge-patch+json"); code != http.StatusForbidden || !strings.Contains(text, "create one of another name") {
			t.Errorf("%s: %d %s", method, code, text)
		}
	}
	if code, text := request(t, s.admin, "PATCH", reportsPath+"/retries?fieldManager=x&force=true", `{"apiVersion":"records.ark.mckinsey.com/v1alpha1","kind":"Report","metadata":{"name":"retries"},"spec":{"query":"select 1"}}`, "Content-Type", "application/apply-patch+yaml"); code != http.StatusForbidden {
		t.Errorf("apply: %d %s", code, text)
	}
	if code, text := request(t, s.admin, "PATCH", reportsPath+"/applied?fieldManager=x&force=true", `{"apiVersion":"records.ark.mckinsey.com/v1alpha1","kind":"Report","metadata":{"name":"applied"},"spec":{"query":"select :a, :b","parameters":{"a":1.5,"b":"x"}}}`, "Content-Type", "application/apply-patch+yaml"); code != 201 || !strings.Contains(text, `"f:parameters"`) {
		t.Errorf("apply: %d %s", code, text)
	}
	pagesOfReports(t, s, ready+2)
	reportsOfNamespaces(t, s)
	if code, text := request(t, s.admin, "DELETE", reportsPath, ""); code != 200 {
		t.Errorf("deletecollection: %d %s", code, text)
	}
	if left := get[reportList](t, s.admin, reportsPath, 200); len(left.Items) != ready {
		t.Errorf("%d are left, want %d", len(left.Items), ready)
	}
}

// pagesOfReports checks that pages have every report once, and the requested number of reports.
func pagesOfReports(t *testing.T, s *serving, want int) {
	t.Helper()
	for _, limit := range []int{1, 2, 3, 7, 500} {
		seen, path := map[string]bool{}, fmt.Sprintf("%s?limit=%d", reportsPath, limit)
		for next := path; next != ""; {
			page := get[reportList](t, s.admin, next, 200)
			if len(page.Items) > limit || page.Metadata.ResourceVersion == "" {
				t.Fatalf("limit %d: %d items of resourceVersion %q", limit, len(page.Items), page.Metadata.ResourceVersion)
			}
			for _, name := range page.names() {
				if seen[name] {
					t.Errorf("limit %d: %s is there twice", limit, name)
				}
				seen[name] = true
			}
			if next = ""; page.Metadata.Continue != "" {
				next = path + "&continue=" + page.Metadata.Continue
			}
		}
		if len(seen) != want {
			t.Errorf("limit %d: %d reports, want %d", limit, len(seen), want)
		}
	}
	for selector, want := range map[string]int{
		"labelSelector=records.ark.mckinsey.com/ready": want - 2, "labelSelector=!records.ark.mckinsey.com/ready": 2,
		"fieldSelector=metadata.name=retries": 1, "fieldSelector=metadata.name=mine": 1,
	} {
		if got := get[reportList](t, s.admin, reportsPath+"?"+selector, 200); len(got.Items) != want {
			t.Errorf("%s: %d, want %d", selector, len(got.Items), want)
		}
	}
}

// reportsOfNamespaces checks that built-in reports do not block the deletion of a namespace, and
// are in no list of all namespaces.
func reportsOfNamespaces(t *testing.T, s *serving) {
	t.Helper()
	if got := get[reportList](t, s.admin, "/apis/records.ark.mckinsey.com/v1alpha1/reports", 200).names(); len(got) != 2 {
		t.Errorf("in all namespaces: %q", got)
	}
	post[object](t, s.admin, "/api/v1/namespaces", `{"metadata":{"name":"gone"}}`, 201)
	post[object](t, s.admin, "/apis/records.ark.mckinsey.com/v1alpha1/namespaces/gone/reports", `{"metadata":{"name":"x"},"spec":{"query":"select 1"}}`, 201)
	if code, text := request(t, s.admin, "DELETE", "/api/v1/namespaces/gone", ""); code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		code, text := request(t, s.admin, "GET", "/api/v1/namespaces/gone", "")
		if code == 404 {
			return
		}
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("the namespace is still there: %d %s", code, text)
		}
	}
}
