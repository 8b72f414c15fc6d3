package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHistoryChain verifies the history on the command line with --history-chain, also against
// heads that were stored elsewhere.
func TestHistoryChain(t *testing.T) {
	dir := t.TempDir()
	at := []string{"--db-path=" + filepath.Join(dir, "ark.db"), "--keys-dir=" + filepath.Join(dir, "keys")}
	port := "--secure-port=" + freePort(t)
	s := startServing(t, append(at, "--history-chain", "--engine=external", port)...)
	at = append(at, port)
	makeAgent(t, s, "x", "0")
	patch(t, s.admin, agentsPath+"/x", `{"spec":{"prompt":"1"}}`)
	type verification struct {
		Intact   bool
		Head     string
		Versions int64
	}
	verify := func(code int, args ...string) (text string) {
		t.Helper()
		return command(t, code, append(append([]string{"history", "verify"}, args...), at...)...)
	}
	var found verification
	for begin := time.Now(); found.Versions < 2; time.Sleep(200 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatalf("%+v", found)
		}
		// Before the first step there is no chain.
		if code, body := request(t, s.admin, "POST", "/apis/records.ark.mckinsey.com/v1alpha1/historyverifications", `{}`, "Content-Type", "application/json"); code == 409 {
			continue
		} else if code != 201 {
			t.Fatalf("%d %s", code, body)
		}
		if err := json.Unmarshal([]byte(verify(0, "-o", "json")), &found); err != nil {
			t.Fatal(err)
		}
	}
	if text := verify(0, "--head="+found.Head); !strings.Contains(text, "versions as they were archived") {
		t.Errorf("%s", text)
	}
	wrong := found.Head[:len(found.Head)-4] + "0000"
	if text := verify(3, "--head="+found.Head, "--head="+wrong); !strings.Contains(text, "was kept elsewhere") {
		t.Errorf("a head that the chain does not have: %s", text)
	}
	verify(2, "--head=x")
	s.allow(t, "eve", "list revisions records.ark.mckinsey.com")
	post[status](t, s.as("eve"), "/apis/records.ark.mckinsey.com/v1alpha1/historyverifications", `{}`, 403)
	post[status](t, s.admin, "/apis/records.ark.mckinsey.com/v1alpha1/historyverifications", `{"spec":{"heads":["1"]}}`, 400)
	if text := command(t, 2, append([]string{"--history-chain", "--history=off"}, at...)...); !strings.Contains(text, "--history-chain") {
		t.Errorf("%s", text)
	}
}
