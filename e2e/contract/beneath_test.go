package contract

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// storage is a client of the storage beneath the API.
func (s *server) storage(t *testing.T) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{s.etcd}, DialTimeout: 10 * time.Second})
	if err != nil {
		t.Fatalf("reach the storage at %s: %v", s.etcd, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// compact makes the storage forget all revisions before the present one, and notes that down where
// API servers do who compact: they drop their own copies of older states when they look there next,
// every 15 seconds.
func (s *server) compact(t *testing.T) {
	t.Helper()
	const notedAt = "compact_rev_key"
	beneath := s.storage(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	now, err := beneath.Get(ctx, notedAt)
	if err != nil {
		t.Fatalf("ask the storage for its revision: %v", err)
	}
	revision := now.Header.Revision
	if _, err := beneath.Put(ctx, notedAt, strconv.FormatInt(revision, 10)); err != nil {
		t.Fatalf("note down the compaction: %v", err)
	}
	if _, err := beneath.Compact(ctx, revision); err != nil {
		t.Fatalf("compact the storage: %v", err)
	}
}

// storedAt finds the key of an object.
func (s *server) storedAt(t *testing.T, o object) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	keys, err := s.storage(t).Get(ctx, "/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		t.Fatalf("list the storage's keys: %v", err)
	}
	end := "/" + o.GetName()
	if o.GetNamespace() != "" {
		end = "/" + o.GetNamespace() + end
	}
	for _, kv := range keys.Kvs {
		if strings.HasSuffix(string(kv.Key), end) {
			return string(kv.Key)
		}
	}
	t.Fatalf("no key in the storage ends in %s", end)
	return ""
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// settled waits until something holds at every replica, of which each call may meet another.
func (s *server) settled(t *testing.T, what string, holds func() bool) {
	t.Helper()
	calls := 1
	if s.system.restarts {
		calls = 16 // That all meet one of two replicas happens once in 32,768 times.
	}
	eventually(t, what, func() bool {
		for range calls {
			if !holds() {
				return false
			}
		}
		return true
	})
}

func encode(o object) []byte {
	text, err := json.Marshal(o.Object)
	if err != nil {
		panic(err) // objects come from JSON
	}
	return text
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("decode %s: %v", excerpt(text), err)
	}
}
