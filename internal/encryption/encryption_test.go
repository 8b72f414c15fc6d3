package encryption

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// database is an SQLite database with its store.
type database struct {
	clientv3.KV
	path   string
	store  *mvcc.Store
	engine *sqlite.Engine
	close  func()
}

func openDatabase(t *testing.T, path string) *database {
	t.Helper()
	engine, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mvcc.Open(t.Context(), engine, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := etcdserver.New(store, etcdserver.Options{})
	client := direct.NewClient(endpoint)
	return &database{client.Client.KV, path, store, engine, func() {
		_ = client.Close()
		endpoint.Stop()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}}
}

// scrub is what a server does to remove what was replaced.
func (d *database) scrub(ctx context.Context) error {
	if err := d.store.Compact(ctx, d.store.Revision(), true); err != nil && !errors.Is(err, mvcc.ErrCompacted) {
		return err
	}
	return d.engine.Vacuum(ctx)
}

func (d *database) put(t *testing.T, key, value string) {
	t.Helper()
	if _, err := d.Put(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
}

func (d *database) get(t *testing.T, key string) string {
	t.Helper()
	answer, err := d.Get(t.Context(), key)
	if err != nil || len(answer.Kvs) != 1 {
		t.Fatalf("%s: %v, %v", key, answer, err)
	}
	return string(answer.Kvs[0].Value)
}

// holds reports whether a file of the database holds a text.
func (d *database) holds(t *testing.T, text string) bool {
	t.Helper()
	files, err := filepath.Glob(d.path + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

func open(t *testing.T, file string, kv clientv3.KV) *Provider {
	t.Helper()
	p, err := Open(t.Context(), file, kv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Plain Secrets are encrypted before a server starts, and nothing is left of them: neither in old
// rows nor in free pages.
func TestPlainSecretsAreGone(t *testing.T) {
	dir := t.TempDir()
	d := openDatabase(t, filepath.Join(dir, "ark.db"))
	defer func() { d.close() }()
	marker := fmt.Sprintf("marker-%d-", time.Now().UnixNano())
	const first = "/registry/secrets/default/s0"
	for i := range 200 {
		d.put(t, fmt.Sprintf("/registry/secrets/default/s%d", i), marker+strings.Repeat("x", 500*(i%7)))
		d.put(t, fmt.Sprintf("/registry/secrets/default/s%d", i), marker+"again")
		d.put(t, fmt.Sprintf("/registry/ark.mckinsey.com/agents/default/a%d", i), "{}")
	}
	// Some were deleted and pruned before: they are in free pages.
	for i := 100; i < 200; i++ {
		if _, err := d.Delete(t.Context(), fmt.Sprintf("/registry/secrets/default/s%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.store.Compact(t.Context(), d.store.Revision(), true); err != nil {
		t.Fatal(err)
	}
	if !d.holds(t, marker) {
		t.Fatal("the files never held the marker")
	}
	file := filepath.Join(dir, "keys", FileName)
	if err := Ensure(file, time.Now()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	p := open(t, file, d)
	failing := errors.New("no room")
	var remains *ScrubError
	if err := p.Prepare(t.Context(), func(context.Context) error { return failing }); !errors.As(err, &remains) || !errors.Is(err, failing) {
		t.Fatalf("got %v", err)
	}
	if got := d.get(t, first); !strings.HasPrefix(got, "k8s:enc:secretbox:v1:key-") {
		t.Errorf("%q is stored", got[:20])
	}
	// What failed is made again, although everything is encrypted now.
	if err := open(t, file, d).Prepare(t.Context(), d.scrub); err != nil {
		t.Fatal(err)
	}
	if d.holds(t, marker) {
		t.Error("a plain Secret is left in the files")
	}
	if got, err := p.Decrypt(t.Context(), "secrets", first, []byte(d.get(t, first))); err != nil || string(got) != marker+"again" {
		t.Errorf("got %q, %v", got, err)
	}
	if got := d.get(t, "/registry/ark.mckinsey.com/agents/default/a7"); got != "{}" {
		t.Errorf("an agent is stored as %q", got)
	}
	// Nothing is due any more, so nothing is written.
	before := d.store.Revision()
	if err := open(t, file, d).Prepare(t.Context(), func(context.Context) error { return failing }); err != nil || d.store.Revision() != before {
		t.Errorf("got %v, revision %d after %d", err, d.store.Revision(), before)
	}
	// The files are sound, and hold the same after another start.
	d.close()
	report, err := sqlite.Check(t.Context(), d.path, "")
	if err != nil || !report.OK() {
		t.Errorf("%+v, %v", report, err)
	}
	d = openDatabase(t, d.path)
	if d.holds(t, marker) {
		t.Error("a plain Secret is back in the files")
	}
	if got, err := p.Decrypt(t.Context(), "secrets", first, []byte(d.get(t, first))); err != nil || string(got) != marker+"again" {
		t.Errorf("got %q, %v", got, err)
	}
}

func nothing(context.Context) error { return nil }

func TestMissingKey(t *testing.T) {
	dir := t.TempDir()
	d := openDatabase(t, filepath.Join(dir, "ark.db"))
	defer d.close()
	file := filepath.Join(dir, "a", FileName)
	other := filepath.Join(dir, "b", FileName)
	for _, f := range []string{file, other} {
		if err := Ensure(f, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := Reader(t.Context(), file, d); p != nil || err != nil {
		t.Errorf("a database that was never prepared: got %v, %v", p, err)
	}
	if err := open(t, file, d).Prepare(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	missing := func(what string, err error, want ...string) {
		t.Helper()
		var key *KeyError
		if !errors.As(err, &key) {
			t.Errorf("%s: got %v", what, err)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", what, err, w)
			}
		}
	}
	d.put(t, "/registry/secrets/default/one", "plain")
	if err := open(t, file, d).Prepare(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	missing("another key", open(t, other, d).Prepare(t.Context(), nothing), "secretbox:v1:key-", other)
	_, err := Reader(t.Context(), other, d)
	missing("a reader", err, other)
	_, err = Reader(t.Context(), filepath.Join(dir, "none"), d)
	missing("no file", err, "there is no "+filepath.Join(dir, "none"))
	missing("a backup", Check(t.Context(), other, []byte(d.get(t, CheckKey))), other)
	if err := errors.Join(Check(t.Context(), file, []byte(d.get(t, CheckKey))), Check(t.Context(), file, nil)); err != nil {
		t.Error(err)
	}
	// One that cannot be decrypted does not keep a server from starting, if others can.
	d.put(t, "/registry/secrets/default/damaged", d.get(t, CheckKey)+"x")
	if err := open(t, file, d).Prepare(t.Context(), nothing); err != nil {
		t.Error(err)
	}
	if err := Forget(t.Context(), other, d); err == nil {
		t.Error("the key of Secrets was forgotten")
	}
	// Without a Secret, nothing is lost with the key, unless another server stores one later.
	for _, name := range []string{"one", "damaged"} {
		if _, err := d.Delete(t.Context(), "/registry/secrets/default/"+name); err != nil {
			t.Fatal(err)
		}
	}
	shared := open(t, other, d)
	shared.Shared = true
	checked := d.get(t, CheckKey)
	missing("another server", shared.Prepare(t.Context(), nothing), "the servers on this database", other)
	if d.get(t, CheckKey) != checked {
		t.Error("what says which key is used was replaced")
	}
	if err := Forget(t.Context(), other, d); err != nil {
		t.Error(err)
	}
	if err := shared.Prepare(t.Context(), nothing); err != nil {
		t.Error(err)
	}
	if err := open(t, file, d).Prepare(t.Context(), nothing); err != nil {
		t.Errorf("a server alone: %v", err)
	}
	if err := open(t, other, d).Prepare(t.Context(), nothing); err != nil {
		t.Error(err)
	}
	_, err = Reader(t.Context(), file, d)
	missing("the key before", err, file)
}

// A key that is added decrypts first, and encrypts later; what was encrypted before is encrypted
// again.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	d := openDatabase(t, filepath.Join(dir, "ark.db"))
	defer d.close()
	file := filepath.Join(dir, FileName)
	if err := Ensure(file, time.Now()); err != nil {
		t.Fatal(err)
	}
	const key = "/registry/secrets/default/one"
	d.put(t, key, "plain")
	p := open(t, file, d)
	if err := p.Prepare(t.Context(), d.scrub); err != nil {
		t.Fatal(err)
	}
	old := keyOf([]byte(d.get(t, key)))
	name, err := Rotate(file, time.Now(), func() error {
		replica := open(t, file, d)
		sealed, err := replica.Encrypt(t.Context(), "secrets", key, []byte("x"))
		if err != nil || keyOf(sealed) != old {
			t.Errorf("encrypted with %s, %v", keyOf(sealed), err)
		}
		return p.reload(t.Context())
	})
	if err != nil {
		t.Fatal(err)
	}
	replica := open(t, file, d)
	sealed, err := replica.Encrypt(t.Context(), "secrets", key, []byte("by another"))
	if err != nil || keyOf(sealed) != "secretbox:v1:"+name {
		t.Errorf("encrypted with %s, %v", keyOf(sealed), err)
	}
	if got, err := p.Decrypt(t.Context(), "secrets", key, sealed); err != nil || string(got) != "by another" {
		t.Errorf("a replica that has not read the file again cannot decrypt: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { p.Follow(ctx); close(ended) }()
	for end := time.Now().Add(time.Minute); keyOf([]byte(d.get(t, key))) != "secretbox:v1:"+name || keyOf([]byte(d.get(t, CheckKey))) != "secretbox:v1:"+name; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the Secret is not encrypted with the new key")
		}
	}
	stop()
	<-ended
	if got, err := p.Decrypt(t.Context(), "secrets", key, []byte(d.get(t, key))); err != nil || string(got) != "plain" {
		t.Errorf("got %q, %v", got, err)
	}
	// A file without the key is not taken over.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := Ensure(file, time.Now()); err != nil {
		t.Fatal(err)
	}
	var missing *KeyError
	if err := p.reload(t.Context()); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
}

func TestFaults(t *testing.T) {
	const config = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [%s]\n  providers: [{secretbox: {keys: [{name: a, secret: %s}]}}]\n"
	const good = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
	dir := t.TempDir()
	d := openDatabase(t, filepath.Join(dir, "ark.db"))
	defer d.close()
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "file.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for text, want := range map[string]string{
		"": "empty",
		fmt.Sprintf(config, "agents.ark.mckinsey.com", good): "Ark's kinds are not encrypted",
		fmt.Sprintf(config, "'*.*'", good):                   "name each resource",
		fmt.Sprintf(config, "'*.'", good):                    "name each resource",
		fmt.Sprintf(config, "secrets", "hush-hush"):          "base64",
	} {
		_, err := Open(t.Context(), write(text), d)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush-hush") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
		if _, err := Rotate(write(text), time.Now(), func() error { return nil }); text == "" && err == nil {
			t.Errorf("%q: a key was added", text)
		}
	}
	// Without identity, plain values are not allowed.
	d.put(t, "/registry/secrets/default/one", "plain")
	err := open(t, write(fmt.Sprintf(config, "secrets", good)), d).Prepare(t.Context(), nothing)
	if err == nil || !strings.Contains(err.Error(), "add identity: {}") {
		t.Errorf("got %v", err)
	}
}
