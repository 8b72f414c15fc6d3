package sharedkeys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/internal/privatefile"
	"github.com/mckinsey/ark-server/internal/storetest"
)

const passphrase = "correct horse battery staple"

// on returns the keys of a server with an empty folder. What it makes has its name.
func on(t *testing.T, kv clientv3.KV, name, passphrase string) *Keys {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(file, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &Keys{Dir: filepath.Join(t.TempDir(), "keys"), Names: []string{"a.key", "a.crt"}, Passphrase: file, KV: kv}
	k.Make = func(_ context.Context, dir string) error {
		for _, file := range k.Names {
			if err := privatefile.Create(filepath.Join(dir, file), []byte("secret-of-"+name)); err != nil && !errors.Is(err, os.ErrExist) {
				return err
			}
		}
		return nil
	}
	return k
}

func (k *Keys) content(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(k.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (k *Keys) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(k.Dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Servers that start at once agree on the keys of one of them, and a later one takes them over.
func TestServersAgree(t *testing.T) {
	kv := storetest.OpenKV(t)
	servers := make([]*Keys, 4)
	var starting errgroup.Group
	for i := range servers {
		servers[i] = on(t, kv, fmt.Sprint(i), passphrase)
		starting.Go(func() error { return servers[i].Share(t.Context()) })
	}
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}
	late := on(t, kv, "late", passphrase)
	if err := late.Share(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, k := range append(servers, late) {
		for _, name := range k.Names {
			if got, want := k.content(t, name), servers[0].content(t, "a.key"); got != want || got == "secret-of-late" {
				t.Errorf("server %d has %q in %s, the first one %q", i, got, name, want)
			}
			if info, err := os.Stat(filepath.Join(k.Dir, name)); err != nil || info.Mode() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
		}
	}
	answer, err := kv.Get(t.Context(), "", clientv3.WithPrefix())
	if err != nil || len(answer.Kvs) != 1 {
		t.Fatalf("%v, %v", answer, err)
	}
	if text := answer.Kvs[0].Value; bytes.Contains(text, []byte("secret-of")) || bytes.Contains(text, []byte("c2VjcmV0")) || bytes.Contains(text, []byte(passphrase)) {
		t.Errorf("the database holds plain keys: %s", text)
	}
}

// What is not right is refused with its cause, and changes neither folder nor database.
func TestRefused(t *testing.T) {
	kv := storetest.OpenKV(t)
	first := on(t, kv, "first", passphrase)
	if err := Refuse(t.Context(), kv); err != nil {
		t.Error(err)
	}
	if err := errors.Join(Stop(t.Context(), kv), first.Change(t.Context(), nil)); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	failing := errors.New("not these")
	refused := on(t, kv, "refused", passphrase)
	refused.Make = func(context.Context, string) error { return failing }
	if err := refused.Share(t.Context()); !errors.Is(err, failing) {
		t.Errorf("got %v", err)
	}
	if err := first.Share(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := get(t.Context(), kv)
	if err != nil {
		t.Fatal(err)
	}
	if err := Refuse(t.Context(), kv); !errors.Is(err, ErrShared) {
		t.Errorf("got %v", err)
	}
	other := on(t, kv, "other", passphrase+"!")
	if err := other.Share(t.Context()); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if _, err := os.Stat(other.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has made its folder: %v", err)
	}
	for text, want := range map[string]string{"": "characters", "short": "characters", passphrase + "\n" + passphrase: "one line"} {
		if err := on(t, kv, "faulty", text).Share(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "short") {
			t.Errorf("%q: %v", text, err)
		}
	}
	own := on(t, kv, "own", passphrase)
	if err := errors.Join(os.Mkdir(own.Dir, 0o700), own.Make(t.Context(), own.Dir)); err != nil {
		t.Fatal(err)
	}
	var conflict *ConflictError
	if err := own.Share(t.Context()); !errors.As(err, &conflict) || len(conflict.Files) != 2 {
		t.Errorf("other keys in the folder: %v", err)
	}
	if got := own.content(t, "a.key"); got != "secret-of-own" {
		t.Errorf("they were replaced by %q", got)
	}
	if after, err := get(t.Context(), kv); err != nil || after.revision != before.revision {
		t.Errorf("the database was written to: %v", err)
	}
	for what, damaged := range map[string]string{"no object": "x", "cut off": string(before.value[:100]), "newer": `{"version":2,"iterations":1}`, "greedy": `{"version":1,"iterations":100000000}`} {
		if _, err := kv.Put(t.Context(), storageKey, damaged); err != nil {
			t.Fatal(err)
		}
		if err := first.Share(t.Context()); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}

// Shared keys are changed in the database, and follow in the folders: those named at once, all at
// the next start.
func TestChange(t *testing.T) {
	kv := storetest.OpenKV(t)
	a, b := on(t, kv, "a", passphrase), on(t, kv, "b", passphrase)
	for _, k := range []*Keys{a, b} {
		if err := k.Share(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	err := a.Change(t.Context(), func(dir string, share func() error) error {
		for _, text := range []string{"second", "third"} {
			for _, name := range a.Names {
				if err := privatefile.Write(filepath.Join(dir, name), []byte(text)); err != nil {
					return err
				}
			}
			if err := share(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Refresh(t.Context(), "a.key"); err != nil {
		t.Fatal(err)
	}
	if key, cert := b.content(t, "a.key"), b.content(t, "a.crt"); key != "third" || cert != "secret-of-a" {
		t.Errorf("refreshed to %q and %q", key, cert)
	}
	if err := b.Share(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.content(t, "a.crt"); got != "third" {
		t.Errorf("started with %q", got)
	}
	// A change by hand stays in the folder until it is shared.
	b.write(t, "a.key", "by hand")
	var conflict *ConflictError
	if err := b.Share(t.Context()); !errors.As(err, &conflict) {
		t.Errorf("got %v", err)
	}
	// With another passphrase: the one before may be lost.
	if err := os.WriteFile(b.Passphrase, []byte(passphrase+" again"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Replace(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Share(t.Context()); !errors.Is(err, ErrPassphrase) {
		t.Errorf("got %v", err)
	}
	a.Passphrase = b.Passphrase
	if err := a.Share(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.content(t, "a.key"); got != "by hand" {
		t.Errorf("started with %q", got)
	}
	// Of two changes at once, one is told to try again.
	err = a.Change(t.Context(), func(string, func() error) error { return b.Replace(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	err = a.Change(t.Context(), func(_ string, share func() error) error {
		if err := b.Replace(t.Context()); err != nil {
			return err
		}
		return share()
	})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
	if err := Stop(t.Context(), kv); err != nil {
		t.Fatal(err)
	}
	if err := Refuse(t.Context(), kv); err != nil {
		t.Error(err)
	}
}

// A start that is killed while it writes the folder is made good by the next one.
func TestKilledBetweenFiles(t *testing.T) {
	kv := storetest.OpenKV(t)
	a := on(t, kv, "a", passphrase)
	if err := a.Share(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := a.Change(t.Context(), func(dir string, share func() error) error {
		for _, name := range a.Names {
			if err := privatefile.Write(filepath.Join(dir, name), []byte("new "+name)); err != nil {
				return err
			}
		}
		return share()
	})
	if err != nil {
		t.Fatal(err)
	}
	before, err := readNote(a.Dir)
	if err != nil {
		t.Fatal(err)
	}
	both := note{}
	for _, name := range a.Names {
		both[name] = append(before[name], hashOf([]byte("new "+name)))
	}
	if err := writeNote(a.Dir, both); err != nil {
		t.Fatal(err)
	}
	a.write(t, "a.key", "new a.key")
	if err := a.Share(t.Context()); err != nil {
		t.Fatal(err)
	}
	if key, cert := a.content(t, "a.key"), a.content(t, "a.crt"); key != "new a.key" || cert != "new a.crt" {
		t.Errorf("got %q and %q", key, cert)
	}
}
