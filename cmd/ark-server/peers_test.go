package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/operation"
)

// TestPeers checks that servers on one database find each other, and report it.
func TestPeers(t *testing.T) {
	db := databaseFlags(storagePostgres, postgresServer.Database(t))
	args := append(db, "--keys-dir="+t.TempDir(), "--peer-listen=127.0.0.1:0")
	a, b := startServing(t, args...), startServing(t, args...)
	deadline := time.Now().Add(time.Minute)
	var seen [2]operation.Peers
	for i, s := range []*serving{a, b} {
		for seen[i].Self == nil || len(seen[i].Others) != 1 {
			if time.Now().After(deadline) {
				t.Fatalf("server %d sees %+v", i, seen[i])
			}
			time.Sleep(50 * time.Millisecond)
			code, body := request(t, s.admin, "GET", "/debug/store", "")
			var report operation.Report
			if err := json.Unmarshal([]byte(body), &report); code != 200 || err != nil || report.Replica.Peers == nil {
				t.Fatalf("%d %s %v", code, body, err)
			}
			seen[i] = *report.Replica.Peers
		}
	}
	if seen[0].Others[0] != *seen[1].Self || seen[1].Others[0] != *seen[0].Self {
		t.Errorf("they see %+v and %+v", seen[0], seen[1])
	}
	if _, text := request(t, a.admin, "GET", "/metrics", ""); !strings.Contains(text, "\nark_peer_others 1\n") || !strings.Contains(text, "\nark_peer_member 1\n") {
		t.Error("the metrics do not say so")
	}
}

func TestPeerFlags(t *testing.T) {
	postgres := []string{"--storage=postgresql", "--db-host=x", "--db-name=x", "--db-user=x"}
	for _, c := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"--peer-listen=127.0.0.1:0"}, []string{"--peer-listen=127.0.0.1:0", "--storage=sqlite", "leave it out"}},
		{[]string{"--peer-address=10.0.0.7:6444"}, []string{"--peer-address=10.0.0.7:6444", "--peer-listen"}},
		{append(postgres, "--peer-listen=6444"), []string{"--peer-listen=6444", "host:port"}},
		{append(postgres, "--peer-listen=0.0.0.0:6444"), []string{"--peer-listen=0.0.0.0:6444", "--peer-address"}},
		{append(postgres, "--peer-listen=:6444"), []string{"--peer-listen=:6444", "--peer-address"}},
		{append(postgres, "--peer-listen=0.0.0.0:6444", "--peer-address=here"), []string{"--peer-address=here", "host:port"}},
	} {
		checkFailure(t, c.args, 2, c.wants)
	}
}
