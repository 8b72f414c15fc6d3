package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHistoryOfAccess checks that access rules and retention policies have a history on a
// standalone server: the author of a change, the earlier version, and a rollback. Secrets, Events
// and Leases have no history.
func TestHistoryOfAccess(t *testing.T) {
	s := startServing(t, "--history=on", "--engine=external")
	const (
		access   = "/apis/rbac.authorization.k8s.io/v1"
		roles    = access + "/namespaces/default/roles"
		policies = "/apis/records.ark.mckinsey.com/v1alpha1/retentionpolicies"
		gone     = "/apis/records.ark.mckinsey.com/v1alpha1/namespaces/default/deletedobjects"
	)
	s.allow(t, "mia", "patch roles rbac.authorization.k8s.io", "escalate roles rbac.authorization.k8s.io", "get,list revisions records.ark.mckinsey.com")
	post[object](t, s.admin, roles, `{"metadata":{"name":"reader"},"rules":[{"apiGroups":["ark.mckinsey.com"],"resources":["agents"],"verbs":["get"]}]}`, 201)
	patch(t, s.as("mia"), roles+"/reader", `{"rules":[{"apiGroups":["ark.mckinsey.com"],"resources":["agents"],"verbs":["get","list"]}]}`)
	post[object](t, s.admin, access+"/clusterroles", `{"metadata":{"name":"all"},"rules":[]}`, 201)
	post[object](t, s.admin, policies, `{"metadata":{"name":"p"},"spec":{"exactFor":"36h"}}`, 201)
	post[object](t, s.admin, "/api/v1/namespaces/default/secrets", `{"metadata":{"name":"hidden"},"stringData":{"k":"v"}}`, 201)
	post[object](t, s.admin, "/apis/coordination.k8s.io/v1/namespaces/default/leases", `{"metadata":{"name":"hidden"},"spec":{}}`, 201)
	post[object](t, s.admin, "/api/v1/namespaces/default/events", `{"metadata":{"name":"hidden"},"involvedObject":{"namespace":"default"}}`, 201)

	of := func(kind, name string) revisionList {
		t.Helper()
		return get[revisionList](t, s.admin, revisionsPath+"?fieldSelector="+url.QueryEscape("object.kind="+kind+",object.name="+name), 200)
	}
	changed := of("Role", "reader")
	if len(changed.Items) != 2 || changed.Items[0].User != "mia" || changed.Items[0].Verb != "patch" {
		t.Fatalf("the role: %+v", changed.Items)
	}
	type whole struct {
		Snapshot struct {
			Kind  string
			Rules []struct{ Verbs []string }
		}
		ChangedPaths []string
	}
	first := get[whole](t, s.admin, revisionsPath+"/"+changed.Items[1].Metadata.Name, 200)
	second := get[whole](t, s.admin, revisionsPath+"/"+changed.Items[0].Metadata.Name, 200)
	if fmt.Sprint(first.Snapshot) != "{Role [{[get]}]}" || fmt.Sprint(second.Snapshot) != "{Role [{[get list]}]}" || len(second.ChangedPaths) == 0 {
		t.Errorf("the versions: %+v, %+v", first, second)
	}
	if n := len(of("ClusterRole", "all").Items); n != 1 {
		t.Errorf("%d versions of a cluster role, want 1", n)
	}
	if n := len(of("RetentionPolicy", "p").Items); n != 1 {
		t.Errorf("%d versions of a retention policy, want 1", n)
	}
	// The permission to list revisions does not include the revisions of roles.
	if n := len(get[revisionList](t, s.as("mia"), revisionsPath+"?fieldSelector=object.kind%3DRole", 200).Items); n != 0 {
		t.Errorf("who may not list roles sees %d versions of them", n)
	}

	// The same paths exist below a role as below an object of Ark's kinds.
	at := roles + "/reader"
	if all := get[revisionList](t, s.admin, at+"/history", 200); !slices.Equal(all.names(), changed.names()) {
		t.Errorf("the role's history: %q", all.names())
	}
	if _, text := request(t, s.admin, "GET", at+"/diff", ""); !strings.Contains(text, "+  - list") {
		t.Errorf("the diff of the role: %s", text)
	}
	if _, text := request(t, s.admin, "GET", at+"/blame?path=rules", ""); !strings.Contains(text, "mia") {
		t.Errorf("the blame of the role: %s", text)
	}
	type version struct{ Revision int64 }
	to := get[version](t, s.admin, revisionsPath+"/"+changed.Items[1].Metadata.Name, 200).Revision
	back := fmt.Sprintf(`{"spec":{"revision":%d}}`, to)
	post[status](t, s.as("mia"), at+"/rollback", back, 403)
	s.allow(t, "zoe", "create roles/rollback rbac.authorization.k8s.io", "list,patch roles rbac.authorization.k8s.io", "get,list revisions records.ark.mckinsey.com")
	post[status](t, s.as("zoe"), at+"/rollback", back, 403) // she has the permission patch, but not update
	s.allow(t, "pia", "create roles/rollback rbac.authorization.k8s.io", "list,update roles rbac.authorization.k8s.io", "get,list revisions records.ark.mckinsey.com")
	post[status](t, s.as("pia"), at+"/rollback", back, 403) // she lacks the permissions that the role granted
	post[object](t, s.admin, at+"/rollback", back, 200)
	if now := get[struct {
		Rules []struct{ Verbs []string }
	}](t, s.admin, at, 200); fmt.Sprint(now.Rules) != "[{[get]}]" {
		t.Errorf("the role after its rollback: %+v", now)
	}
	patch(t, s.admin, at, `{"rules":[{"apiGroups":["ark.mckinsey.com"],"resources":["agents"],"verbs":["get","list"]}]}`)
	if all := get[revisionList](t, s.admin, policies+"/p/history", 200); len(all.Items) != 1 {
		t.Errorf("the policy's history: %q", all.names())
	}
	post[status](t, s.admin, "/api/v1/namespaces/default/secrets/hidden/rollback", back, 404)

	if code, text := request(t, s.admin, "DELETE", roles+"/reader", ""); code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	deleted := get[revisionList](t, s.admin, gone+"?fieldSelector="+url.QueryEscape("object.kind=Role"), 200)
	if len(deleted.Items) != 1 {
		t.Fatalf("deleted roles: %q", deleted.names())
	}
	post[object](t, s.admin, gone+"/"+deleted.Items[0].Metadata.Name+"/undelete", `{}`, 201)
	type role struct{ Rules []struct{ Verbs []string } }
	if back := get[role](t, s.admin, roles+"/reader", 200); fmt.Sprint(back.Rules) != "[{[get list]}]" {
		t.Errorf("it came back as %+v", back)
	}

	// The history of a token has the same fields as a list of tokens.
	type made struct{ ID, Token string }
	key := post[made](t, s.admin, "/ark/tokens", `{"user":"eve","groups":["team"],"ttlSeconds":3600}`, 201)
	if code, text := request(t, s.admin, "DELETE", "/ark/tokens/"+key.ID, ""); code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	tokens := of("Token", key.ID)
	if len(tokens.Items) != 2 || tokens.Items[0].Verb != "delete" || tokens.Items[1].Verb != "create" || tokens.Items[1].User != changed.Items[1].User {
		t.Fatalf("the token: %+v", tokens.Items)
	}
	_, text := request(t, s.admin, "GET", revisionsPath+"/"+tokens.Items[1].Metadata.Name, "")
	secret := sha256.Sum256([]byte(strings.TrimPrefix(key.Token, "ark_")))
	if !strings.Contains(text, `"user":"eve"`) || strings.Contains(text, key.Token) || strings.Contains(text, hex.EncodeToString(secret[:])) {
		t.Errorf("the token's version: %s", text)
	}
	if got := post[status](t, s.admin, gone+"/"+tokens.Items[0].Metadata.Name+"/undelete", `{}`, 400); !strings.Contains(got.Message, "make another one") {
		t.Errorf("a token comes back: %+v", got)
	}

	known := []string{"token", "agent", "model", "query", "role", "rolebinding", "clusterrole", "clusterrolebinding", "retentionpolicy"}
	all := get[revisionList](t, s.admin, "/apis/records.ark.mckinsey.com/v1alpha1/revisions", 200)
	for _, name := range all.names() {
		kind, _, _ := strings.Cut(name, ".")
		if strings.Contains(name, "hidden") || !slices.Contains(known, kind) {
			t.Errorf("%s has a history", name)
		}
	}
}

// TestAuditNamesRevisions checks that an audit event has the revision that its request has written,
// and that the revision has the audit ID. The event of a request that changes nothing has no
// revision.
func TestAuditNamesRevisions(t *testing.T) {
	dir := t.TempDir()
	policy, log := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(`{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived"],"rules":[{"level":"Metadata"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServing(t, "--history=on", "--engine=external", "--audit-policy-file="+policy, "--audit-log-path="+log)
	makeAgent(t, s, "x", "one")
	patch(t, s.admin, agentsPath+"/x", `{"spec":{"prompt":"two"}}`)
	patch(t, s.admin, agentsPath+"/x", `{"spec":{"prompt":"two"}}`)
	if code, text := request(t, s.admin, "DELETE", agentsPath+"/x", ""); code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	type event struct {
		AuditID, Verb string
		ObjectRef     struct{ Resource, Name string }
		Annotations   map[string]string
	}
	read := func() (named []event) {
		t.Helper()
		f, err := os.Open(log)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var e event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				continue // it is being written
			}
			if e.ObjectRef.Resource == "agents" && e.Annotations["records.ark.mckinsey.com/revision"] != "" {
				named = append(named, e)
			}
		}
		return named
	}
	revisions := get[revisionList](t, s.admin, agentsPath+"/x/history", 200).Items
	slices.Reverse(revisions)
	var named []event
	for begin := time.Now(); len(named) < len(revisions) && time.Since(begin) < 30*time.Second; time.Sleep(50 * time.Millisecond) {
		named = read()
	}
	if len(revisions) != 3 || len(named) != 3 {
		t.Fatalf("%d revisions, and %d audit events with one: %+v", len(revisions), len(named), named)
	}
	for i, r := range revisions {
		if e := named[i]; e.AuditID != r.AuditID || e.Annotations["records.ark.mckinsey.com/revision"] != r.Metadata.ResourceVersion || e.Verb != r.Verb {
			t.Errorf("the event %+v, and the revision %+v", e, r)
		}
	}
}
