package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// create posts an object, and checks that it is stored.
func create(t *testing.T, s *serving, path, body string) {
	t.Helper()
	if code, text := request(t, s.admin, "POST", path, body, "Content-Type", "application/json"); code != 201 {
		t.Fatalf("%s: %d: %s", path, code, text)
	}
}

// TestEncryptionConfiguration checks that a user's own configuration determines what is encrypted,
// and adds no key next to the others. Secrets that were stored without encryption are encrypted at
// the next start with such a configuration, before the server is ready, and no plain text remains.
func TestEncryptionConfiguration(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	flags := []string{"--db-path=" + filepath.Join(dir, "ark.db"), "--keys-dir=" + keys}
	config := func(name, resources, provider string) string {
		return "--encryption-provider-config=" + manifest(t, t.TempDir(), name, "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: ["+resources+"]\n  providers: ["+provider+"]\n")
	}
	holds := func(text string, want bool) {
		t.Helper()
		if found := findInFiles(t, []byte(text), dir); len(found) > 0 != want {
			t.Errorf("%s is in %q, want it there: %t", text, found, want)
		}
	}
	const ours = `secretbox: {keys: [{name: one, secret: "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="}]}`
	s := startServing(t, append(flags, config("plain.yaml", "secrets", "identity: {}"))...)
	create(t, s, "/api/v1/namespaces/default/secrets", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"one"},"stringData":{"key":"secret-marker-one"}}`)
	holds("secret-marker-one", true)
	s.stop()

	s = startServing(t, append(flags, config("ours.yaml", "secrets, configmaps", ours+", identity: {}"))...)
	holds("secret-marker-one", false)
	create(t, s, "/api/v1/namespaces/default/secrets", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"two"},"stringData":{"key":"secret-marker-two"}}`)
	create(t, s, "/api/v1/namespaces/default/configmaps", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"two"},"data":{"key":"map-marker-two"}}`)
	if code, text := request(t, s.admin, "GET", "/api/v1/namespaces/default/secrets/one", ""); code != 200 {
		t.Errorf("the Secret from before: %d: %s", code, text)
	}
	s.stop()
	holds("secret-marker-two", false)
	holds("map-marker-two", false)
	if _, err := os.Stat(filepath.Join(keys, "encryption.yaml")); err == nil {
		t.Error("a key was made that nothing uses")
	}
}

// TestWhatStaysReadable checks that Ark's objects and ConfigMaps are stored without encryption, and
// that a deleted one remains until its revision is compacted.
func TestWhatStaysReadable(t *testing.T) {
	dir := t.TempDir()
	s := startServing(t, "--db-path="+filepath.Join(dir, "ark.db"))
	const maps, agents = "/api/v1/namespaces/default/configmaps", "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents"
	create(t, s, maps, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"key":"map-marker"}}`)
	create(t, s, agents, `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"one"},"spec":{"prompt":"agent-marker"}}`)
	readable := func(when string) {
		t.Helper()
		for _, marker := range []string{"map-marker", "agent-marker"} {
			if len(findInFiles(t, []byte(marker), dir)) == 0 {
				t.Errorf("%s: %s cannot be read in the files, and docs/security.md says that it can", when, marker)
			}
		}
	}
	readable("stored")
	for _, path := range []string{maps, agents} {
		if code, text := request(t, s.admin, "DELETE", path+"/one", ""); code != 200 {
			t.Fatalf("%d: %s", code, text)
		}
	}
	readable("deleted")
	s.stop()
	readable("stopped")
}

// TestNewAdminToken checks that a server whose admin token file was deleted creates a new token at
// the next start, and that the old token is invalid.
func TestNewAdminToken(t *testing.T) {
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	flags := []string{"--db-path=" + filepath.Join(dir, "ark.db"), "--keys-dir=" + keys}
	s := startServing(t, flags...)
	old := s.admin.BearerToken
	if got := strings.TrimSpace(readFile(t, keys, "admin.token")); got != old || old == "" {
		t.Fatal("the token of the kubeconfig is another one")
	}
	s.stop()
	if err := os.Remove(filepath.Join(keys, "admin.token")); err != nil {
		t.Fatal(err)
	}
	s = startServing(t, flags...)
	stale := rest.CopyConfig(s.admin)
	stale.BearerToken = old
	if code, _ := request(t, stale, "GET", "/version", ""); code != 401 {
		t.Errorf("the old token gets %d", code)
	}
	if code, text := request(t, s.admin, "GET", "/api/v1/namespaces", ""); code != 200 || s.admin.BearerToken == old {
		t.Errorf("the new token gets %d: %s", code, text)
	}
}
