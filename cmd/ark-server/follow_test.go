package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// TestFollowRevisions checks that revisions?follow=true sends each change when it happens, to users
// who may see it.
func TestFollowRevisions(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	makeAgent(t, s, "x", "before")
	s.allow(t, "mia", "list revisions records.ark.mckinsey.com", "list agents ark.mckinsey.com x")
	client, err := rest.HTTPClientFor(s.as("mia"))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	follow := func(query string) (next func() revision, end func()) {
		t.Helper()
		answer, err := client.Get(s.admin.Host + revisionsPath + "?follow=true" + query)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("%s: %s", query, answer.Status)
		}
		lines := bufio.NewScanner(answer.Body)
		return func() (one revision) {
			t.Helper()
			if !lines.Scan() {
				t.Fatalf("%s: the stream has ended: %v", query, lines.Err())
			}
			if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
				t.Fatalf("%s: %s", query, lines.Text())
			}
			return one
		}, func() { _ = answer.Body.Close() }
	}
	next, end := follow("")
	defer end()
	all, endAll := follow("&since=1h")
	defer endAll()
	verbs, endVerbs := follow("&fieldSelector=verb%3Ddelete")
	defer endVerbs()
	if one := all(); one.Object.Name != "x" || one.Verb != "create" {
		t.Errorf("since: %+v", one)
	}
	makeAgent(t, s, "hidden", "0")
	for _, prompt := range []string{"1", "2", "3"} {
		patch(t, s.admin, agentsPath+"/x", `{"spec":{"prompt":"`+prompt+`"}}`)
	}
	request(t, s.admin, "DELETE", agentsPath+"/x", "")
	for _, of := range []func() revision{next, all} {
		last := int64(0)
		for _, verb := range []string{"patch", "patch", "patch", "delete"} {
			one := of()
			if one.Object.Name != "x" || one.Verb != verb || one.Revision <= last {
				t.Errorf("%+v after %d, want %s of x", one, last, verb)
			}
			last = one.Revision
		}
	}
	if one := verbs(); one.Verb != "delete" {
		t.Errorf("of deletions: %+v", one)
	}
	t.Logf("after %s", time.Since(begin))
	for query, code := range map[string]int{"&limit=3": 400, "&fieldSelector=color%3Dred": 400, "&since=soon": 400, "&fieldSelector=object.kind%3DPod": 400} {
		get[status](t, s.admin, revisionsPath+"?follow=true"+query, code)
	}
	get[status](t, s.as("eve"), revisionsPath+"?follow=true", 403)
}
