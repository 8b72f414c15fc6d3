package main

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestSearchShowsThePast checks that search and SQL show the author of an object, and deleted
// objects, to users who may list revisions in the namespace.
func TestSearchShowsThePast(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	about := func(name, prompt string) {
		create(t, s, agentsPath, `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"`+name+`"},"spec":{"prompt":"`+prompt+`"}}`)
	}
	about("kept", "about whales")
	about("gone", "about whales, too")
	about("again", "about whales, before")
	const records, ark = "records.ark.mckinsey.com", "ark.mckinsey.com"
	s.allow(t, "eve", "get,list,update,patch agents "+ark, "create searches,sqlqueries "+records, "list searches "+records)
	s.allow(t, "history", "list agents "+ark, "create searches,sqlqueries "+records, "list searches,revisions "+records)
	s.allow(t, "nothing", "create searches,sqlqueries "+records, "list searches,revisions "+records)
	patch(t, s.as("eve"), agentsPath+"/kept", `{"spec":{"prompt":"about whales, by eve"}}`)
	for _, name := range []string{"gone", "again"} {
		if code, text := request(t, s.admin, "DELETE", agentsPath+"/"+name, ""); code != 200 {
			t.Fatalf("%d %s", code, text)
		}
	}
	about("again", "about whales, after")
	for _, c := range []struct{ user, query, want string }{
		{"", "whales", "again kept"},
		{"", "whales deleted:false", "again kept"},
		{"", "whales deleted:true", "gone"},
		{"", "deleted:true", "gone"},
		{"", "whales -deleted:true", "again kept"},
		{"", "user:eve", "kept"},
		{"", "whales -user:eve", "again"},
		{"history", "whales deleted:true", "gone"},
		{"history", "whales user:eve", "kept"},
		// Without the permission to list revisions, or agents.
		{"eve", "whales", "again kept"},
		{"eve", "whales deleted:true", ""},
		{"eve", "whales user:eve", ""},
		{"eve", "whales -user:eve", ""},
		{"nothing", "whales deleted:true", ""},
		{"nothing", "user:eve", ""},
	} {
		client := s.admin
		if c.user != "" {
			client = s.as(c.user)
		}
		var got struct {
			Status struct {
				Total int
				Items []struct {
					Object struct {
						Name    string
						Deleted bool
					}
				}
			}
		}
		code, text := request(t, client, "GET", recordsPath+"searches?sort=creationTimestamp&q="+url.QueryEscape(c.query), "")
		if err := json.Unmarshal([]byte(text), &got); err != nil || code != 200 {
			t.Fatalf("%s: %d %s", c.query, code, text)
		}
		names := map[string]bool{}
		for _, item := range got.Status.Items {
			names[item.Object.Name] = true
			if item.Object.Deleted != (item.Object.Name == "gone") {
				t.Errorf("%s: %s is marked as deleted: %v", c.query, item.Object.Name, item.Object.Deleted)
			}
		}
		if want := strings.Fields(c.want); len(names) != len(want) || got.Status.Total != len(want) {
			t.Errorf("%s %q: got %v of %d, want %s", c.user, c.query, names, got.Status.Total, c.want)
		}
		for _, name := range strings.Fields(c.want) {
			if !names[name] {
				t.Errorf("%s %q: got %v, want %s", c.user, c.query, names, c.want)
			}
		}
	}
	if code, text := request(t, s.admin, "GET", recordsPath+"searches?q=deleted:perhaps", ""); code != 400 || !strings.Contains(text, "deleted:true or deleted:false") {
		t.Errorf("%d %s", code, text)
	}
	sql := func(user, query, want string) {
		t.Helper()
		client := s.admin
		if user != "" {
			client = s.as(user)
		}
		body, err := json.Marshal(map[string]any{"spec": map[string]any{"query": query}})
		if err != nil {
			t.Fatal(err)
		}
		if code, text := request(t, client, "POST", recordsPath+"sqlqueries", string(body), "Content-Type", "application/json"); code != 201 || !strings.Contains(text, `"rows":`+want) {
			t.Errorf("%s: %s: %d %s, want %s", user, query, code, text, want)
		}
	}
	sql("", "select name, verb from revisions where user_name = 'eve'", `[["kept","patch"]]`)
	sql("", "select name, verb, deleted from revisions where kind = 'Agent' and deleted = 1 order by revision", `[["gone","delete",1],["again","delete",1]]`)
	sql("history", "select count(*) from revisions", `[[7]]`)
	sql("eve", "select count(*) from revisions", `[[0]]`)
	sql("nothing", "select count(*) from revisions", `[[0]]`)
	// A purged object is not found.
	uid := ""
	for _, one := range get[revisionList](t, s.admin, revisionsPath, 200).Items {
		if one.Object.Name == "gone" {
			uid = one.Object.UID
		}
	}
	post[object](t, s.admin, "/apis/records.ark.mckinsey.com/v1alpha1/purges", `{"spec":{"uid":"`+uid+`"}}`, 201)
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if _, text := request(t, s.admin, "GET", recordsPath+"searches?q=deleted:true", ""); strings.Contains(text, `"total":0`) {
			break
		} else if time.Since(begin) > 20*time.Second {
			t.Fatalf("still there: %s", text)
		}
	}
	sql("", "select count(*) from revisions where name = 'gone'", `[[0]]`)
}
