package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/token"
)

// findInFiles returns the files below folders that contain a text.
func findInFiles(t *testing.T, text []byte, folders ...string) (found []string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			if bytes.Contains(content, text) {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestTokenCommands checks that tokens are created, listed and revoked with and without a running
// server, and that their text is only on standard output.
func TestTokenCommands(t *testing.T) {
	dir := t.TempDir()
	flags := []string{"--db-path=" + filepath.Join(dir, "ark.db"), "--keys-dir=" + filepath.Join(dir, "keys"), "--kubeconfig-out=" + filepath.Join(dir, "admin.kubeconfig"), "--secure-port=0"}
	s := startServing(t, flags...)
	tokens := func(code int, args ...string) string {
		t.Helper()
		return command(t, code, append(append([]string{"token"}, args...), flags...)...)
	}
	listed := func() map[string]token.Token {
		t.Helper()
		var all []token.Token
		if err := json.Unmarshal([]byte(tokens(0, "list", "--output=json")), &all); err != nil {
			t.Fatal(err)
		}
		users := map[string]token.Token{}
		for _, one := range all {
			users[one.User] = one
		}
		return users
	}
	as := func(text string) int {
		t.Helper()
		config := rest.AnonymousClientConfig(s.admin)
		config.BearerToken = strings.TrimSpace(text)
		code, _ := request(t, config, "GET", "/apis/ark.mckinsey.com/v1alpha1/agents", "")
		return code
	}
	root := tokens(0, "create", "--user=root", "--group=system:masters")
	alice := tokens(0, "create", "--user=alice", "--group=dev", "--group=ops", "--ttl=0")
	if !strings.HasPrefix(root, token.Prefix) || strings.Count(root, "\n") != 1 || as(root) != 200 || as(alice) != 403 {
		t.Fatalf("%d bytes were printed; root gets %d, alice %d", len(root), as(root), as(alice))
	}
	all := listed()
	if len(all) != 2 || strings.Join(all["alice"].Groups, ",") != "dev,ops" || all["alice"].Expires != nil || all["root"].Expires == nil {
		t.Fatalf("got %+v", all)
	}
	key := tokens(0, "create", "--user=carol", "--for=chat", "--namespace=team-a", "--target=agent/guide", "--requests-per-minute=5")
	if !strings.HasPrefix(key, token.ChatPrefix) || as(key) != 403 {
		t.Errorf("%d bytes were printed for a key; it gets %d", len(key), as(key))
	}
	carol := listed()["carol"]
	if carol.Chat == nil || carol.Chat.Namespace != "team-a" {
		t.Errorf("got %+v", carol)
	}
	wantTexts(t, tokens(0, "list"), "FOR", "chat in team-a,agent/guide,requests-per-minute=5")
	wantTexts(t, tokens(0, "revoke", carol.ID), "of carol is revoked")
	wantTexts(t, tokens(2, "create", "--user=carol", "--target=agent/guide"), "add --for=chat")
	wantTexts(t, tokens(2, "create", "--user=carol", "--for=chat", "--target=guide"), "agent/NAME")
	wantTexts(t, tokens(2, "create", "--user=carol", "--tokens-per-day=5"), "add --for=chat")
	wantTexts(t, tokens(2, "create", "--user=carol", "--for=chat", "--tokens-per-day=-5"), "greater than 0")
	gone := all["root"].ID
	wantTexts(t, tokens(0, "list"), "EXPIRES", all["alice"].ID, "dev,ops", "never", "root")
	wantTexts(t, tokens(0, "revoke", gone), "token "+gone+" of root is revoked")
	if got := as(root); got != 401 {
		t.Errorf("a revoked token gets %d", got)
	}
	wantTexts(t, tokens(1, "revoke", gone), "no such token", "token list")
	command(t, 0, "backup", "--db-path="+filepath.Join(dir, "ark.db"), "--to="+filepath.Join(dir, "copy.db"))
	s.stop()

	// Without a server the command opens the database.
	bob := tokens(0, "create", "--user=bob")
	if all := listed(); len(all) != 2 || all["bob"].ID == "" {
		t.Errorf("got %+v", all)
	}
	for _, text := range []string{root, alice, bob} {
		text = strings.TrimSpace(text)
		random, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, token.Prefix))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range [][]byte{[]byte(text), []byte(strings.TrimPrefix(text, token.Prefix)), random} {
			if found := findInFiles(t, secret, dir); len(found) > 0 {
				t.Errorf("a token is in %v", found)
			}
		}
		if hash := sha256.Sum256(random); text != strings.TrimSpace(root) && len(findInFiles(t, hash[:], dir)) == 0 {
			t.Error("the hash of a token is in no file")
		}
	}
	s = startServing(t, flags...)
	if got := as(bob); got != 403 {
		t.Errorf("a token that was made without a server gets %d", got)
	}
	s.stop()
	wantTexts(t, command(t, 2, "token", "create", "--mode=aggregated", "--user=a"), "--mode")
}

// TestSecretsAtRest checks that the files of a server do not reveal a Secret without its keys, and
// that a backup is not restored without them.
func TestSecretsAtRest(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	flags := []string{"--db-path=" + at("ark.db"), "--keys-dir=" + at("ark.db.keys"), "--secure-port=0", "--kubeconfig-out=" + at("admin.kubeconfig")}
	s := startServing(t, flags...)
	const body = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"one"},"stringData":{"key":"hush-hush-marker"}}`
	if code, text := request(t, s.admin, "POST", "/api/v1/namespaces/default/secrets", body, "Content-Type", "application/json"); code != 201 {
		t.Fatalf("%d: %s", code, text)
	}
	noMarker := func() {
		t.Helper()
		if found := findInFiles(t, []byte("hush-hush-marker"), dir); len(found) > 0 {
			t.Errorf("a Secret is in %v", found)
		}
	}
	noMarker()
	wantTexts(t, command(t, 0, "backup", "--db-path="+at("ark.db"), "--to="+at("alone.db")), "keys in "+at("ark.db.keys"), "--include-keys")
	wantTexts(t, command(t, 0, "backup", "--db-path="+at("ark.db"), "--to="+at("copy.db"), "--include-keys"), at("copy.db.keys"), "another place")
	command(t, 1, "backup", "--db-path="+at("ark.db"), "--to="+at("other.db"), "--include-keys", "--keys-dir="+at("none"))
	wantTexts(t, command(t, 0, "secrets", "rotate-key", "--settle=0", "--db-path="+at("ark.db")), at("ark.db.keys/encryption.yaml"), "key-")
	s.stop()
	noMarker()

	// The keys are lost with the machine.
	restored := "--db-path=" + at("new.db")
	wantTexts(t, command(t, 1, "restore", "--from="+at("copy.db"), restored), "key-", at("new.db.keys/encryption.yaml"), "--include-keys")
	if _, err := os.Stat(at("new.db")); err == nil {
		t.Error("it was restored without the keys")
	}
	command(t, 0, "restore", "--from="+at("copy.db"), "--include-keys", restored)
	wantTexts(t, command(t, 1, "restore", "--from="+at("copy.db"), "--include-keys", restored), "exists")
	noMarker()
	again := startServing(t, restored, "--keys-dir="+at("new.db.keys"))
	if code, text := request(t, again.admin, "GET", "/api/v1/namespaces/default/secrets/one", ""); code != 200 || !strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("hush-hush-marker"))) {
		t.Errorf("%d: the Secret is not there", code)
	}
	again.stop()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute) // should it serve
	defer stop()
	var out bytes.Buffer
	if code := run(ctx, []string{restored, "--keys-dir=" + at("fresh.keys"), "--secure-port=0", "--kubeconfig-out=" + at("k")}, &out, &out); code != 1 {
		t.Errorf("exit code %d without the keys", code)
	}
	wantTexts(t, out.String(), "--keys-dir="+at("fresh.keys"), "key-", "encryption.yaml")
	// Everything except the Secrets is readable without the keys.
	wantTexts(t, command(t, 0, "export", restored, "--keys-dir="+at("none"), "--to-file="+at("rest.yaml"), "--secrets=false"), "left out")
}

// TestReplicasShareUsersAndKeys checks that two replicas with the same keys accept each other's
// tokens and read each other's Secrets.
func TestReplicasShareUsersAndKeys(t *testing.T) {
	flags := databaseFlags(storagePostgres, postgresServer.Database(t))
	first := t.TempDir()
	serve := func(dir string) *serving {
		return startServing(t, append([]string{"--keys-dir=" + filepath.Join(dir, "keys"), "--kubeconfig-out=" + filepath.Join(dir, "admin.kubeconfig"), "--secure-port=0"}, flags...)...)
	}
	a := serve(first)
	second := t.TempDir()
	if err := copyKeys(filepath.Join(first, "keys"), filepath.Join(second, "keys")); err != nil {
		t.Fatal(err)
	}
	b := serve(second)
	at := append([]string{"--keys-dir=" + filepath.Join(first, "keys"), "--kubeconfig-out=" + filepath.Join(first, "admin.kubeconfig"), "--secure-port=0"}, flags...)
	text := strings.TrimSpace(command(t, 0, append([]string{"token", "create", "--user=root", "--group=system:masters"}, at...)...))
	const secrets = "/api/v1/namespaces/default/secrets"
	for i, s := range []*serving{a, b} {
		other := []*serving{b, a}[i]
		config := rest.AnonymousClientConfig(s.admin)
		config.BearerToken = text
		name := []string{"one", "two"}[i]
		body := `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"` + name + `"},"stringData":{"key":"hush"}}`
		if code, text := request(t, config, "POST", secrets, body, "Content-Type", "application/json"); code != 201 {
			t.Errorf("replica %d: %d: %s", i, code, text)
		}
		config = rest.CopyConfig(other.admin)
		config.BearerToken = s.admin.BearerToken
		if code, text := request(t, config, "GET", secrets+"/"+name, ""); code != 200 || !strings.Contains(text, "aHVzaA==") {
			t.Errorf("the replica beside %d gets %d", i, code)
		}
	}
}
