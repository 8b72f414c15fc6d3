package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRetention checks that retention policies are validated, ordered, and executed as a dry run
// reports. A purge leaves a receipt.
func TestRetention(t *testing.T) {
	dir := t.TempDir()
	at := []string{"--db-path=" + filepath.Join(dir, "ark.db"), "--keys-dir=" + filepath.Join(dir, "keys")}
	port := "--secure-port=" + freePort(t)
	s := startServing(t, append(at, "--history=on", "--engine=external", port)...)
	at = append(at, port)
	const policies = "/apis/records.ark.mckinsey.com/v1alpha1/retentionpolicies"
	for spec, want := range map[string]string{
		`{}`: "spec.rules", `{"rules":[{"kinds":["Pod"]}]}`: "spec.rules[0].kinds[0]", `{"rules":[{"age":"soon"}]}`: "spec.rules[0].age",
		`{"exactFor":"-1h","rules":[]}`: "spec.exactFor", `{"rules":[{"drop":true,"versions":3}]}`: "spec.rules[0].drop", `{"rules":[{"versions":-3}]}`: "spec.rules[0].versions",
	} {
		if got := post[status](t, s.admin, policies, `{"metadata":{"name":"bad"},"spec":`+spec+`}`, 422); !strings.Contains(got.Message, want) {
			t.Errorf("%s: %s", spec, got.Message)
		}
	}
	makeAgent(t, s, "x", "0")
	for i := range 5 {
		patch(t, s.admin, agentsPath+"/x", fmt.Sprintf(`{"spec":{"prompt":"%d"}}`, i+1))
	}
	makeAgent(t, s, "y", "0")
	post[object](t, s.admin, policies, `{"metadata":{"name":"b"},"spec":{"rules":[{"kinds":["Agent"],"versions":100}]}}`, 201)
	made := post[object](t, s.admin, policies, `{"metadata":{"name":"a"},"spec":{"exactFor":"1ns","rules":[{"kinds":["Agent"],"versions":2}]}}`, 201)
	patch(t, s.admin, policies+"/a", `{"metadata":{"labels":{"x":"y"}}}`)
	if now := get[object](t, s.admin, policies+"/a", 200); made.Metadata.Generation != 1 || now.Metadata.Generation != 1 {
		t.Errorf("generations %d, %d", made.Metadata.Generation, now.Metadata.Generation)
	}
	// Revisions that are not in the archive yet cannot be removed.
	type report struct {
		DryRun    bool
		Objects   int64
		Removed   map[string]int64
		Revisions []string
		Digest    string
	}
	run := func(args ...string) (r report) {
		t.Helper()
		if err := json.Unmarshal([]byte(command(t, 0, append(append([]string{"retention", "run", "-o", "json"}, args...), at...)...)), &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	const agents = "agents.ark.mckinsey.com"
	var dry report
	for begin := time.Now(); dry.Removed[agents] < 4; time.Sleep(100 * time.Millisecond) {
		if dry = run("--dry-run"); time.Since(begin) > time.Minute {
			t.Fatalf("%+v", dry)
		}
	}
	left := get[revisionList](t, s.admin, agentsPath+"/x/history", 200)
	if len(left.Items) != 6 {
		t.Errorf("after a dry run: %q", left.names())
	}
	goes := left.names()[2:]
	slices.Reverse(goes)
	for i := range goes {
		goes[i] = "default/" + goes[i]
	}
	if !slices.Equal(dry.Revisions, goes) || len(dry.Digest) != 64 {
		t.Errorf("the dry run says %q, want %q; digest %q", dry.Revisions, goes, dry.Digest)
	}
	done := run()
	if dry.DryRun = false; fmt.Sprint(dry) != fmt.Sprint(done) {
		t.Errorf("%+v, and the dry run had said %+v", done, dry)
	}
	if left := get[revisionList](t, s.admin, agentsPath+"/x/history", 200); len(left.Items) != 2 {
		t.Errorf("after the run: %q", left.names())
	}
	uid := get[object](t, s.admin, agentsPath+"/x", 200).Metadata.UID
	if text := command(t, 0, append([]string{"history", "purge", "--uid=" + uid}, at...)...); !strings.Contains(text, "2 versions of "+agents+" removed") {
		t.Errorf("the receipt: %s", text)
	}
	if left := get[revisionList](t, s.admin, revisionsPath+"?fieldSelector=object.uid%3D"+uid, 200); len(left.Items) != 0 {
		t.Errorf("after the purge: %q", left.names())
	}
	const queries = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
	create(t, s, queries, `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"q"},"spec":{"input":"i","sessionId":"s1","target":{"type":"agent","name":"x"}}}`)
	create(t, s, queries, `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"r"},"spec":{"input":"i","sessionId":"s2","target":{"type":"agent","name":"x"}}}`)
	if text := command(t, 0, append([]string{"history", "purge", "--session=s1"}, at...)...); !strings.Contains(text, "1 versions of queries.ark.mckinsey.com removed") {
		t.Errorf("the receipt: %s", text)
	}
	for name, want := range map[string]int{"q": 0, "r": 1} {
		if left := get[revisionList](t, s.admin, revisionsPath+"?fieldSelector=object.kind%3DQuery,object.name%3D"+name, 200); len(left.Items) != want {
			t.Errorf("%s after the purge of a session: %q", name, left.names())
		}
	}
	if text := command(t, 2, append([]string{"history", "purge"}, at...)...); !strings.Contains(text, "--uid") {
		t.Errorf("%s", text)
	}
	s.allow(t, "eve", "list revisions records.ark.mckinsey.com")
	post[status](t, s.as("eve"), "/apis/records.ark.mckinsey.com/v1alpha1/purges", `{"spec":{"user":"mia"}}`, 403)
	post[status](t, s.admin, "/apis/records.ark.mckinsey.com/v1alpha1/purges", `{"spec":{}}`, 400)
}
