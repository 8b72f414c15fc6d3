package mvcc

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

// model is the obvious ordered set that the tree is held against.
type model map[string]*KeyValue

func (m model) span(s Span) []string {
	var keys []string
	for k := range m {
		if s.Contains([]byte(k)) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	return keys
}

// checkNode verifies the shape that the algorithms rely on.
func checkNode(t *testing.T, n *node, root bool) (int, int64) {
	t.Helper()
	if len(n.items) > maxItems || !root && len(n.items) < minItems {
		t.Fatalf("node has %d items", len(n.items))
	}
	size, bytes := len(n.items), int64(0)
	for _, kv := range n.items {
		bytes += weight(kv)
	}
	if n.kids != nil {
		if len(n.kids) != len(n.items)+1 {
			t.Fatalf("%d items but %d kids", len(n.items), len(n.kids))
		}
		for _, kid := range n.kids {
			s, b := checkNode(t, kid, false)
			size, bytes = size+s, bytes+b
		}
	}
	if size != n.size || bytes != n.bytes {
		t.Fatalf("size %d and %d bytes, counted %d and %d", n.size, n.bytes, size, bytes)
	}
	return size, bytes
}

func checkTree(t *testing.T, tr tree, m model, r *rand.Rand) {
	t.Helper()
	if tr.root != nil {
		checkNode(t, tr.root, true)
	}
	if tr.len() != len(m) {
		t.Fatalf("len %d, want %d", tr.len(), len(m))
	}
	key := func() []byte { return fmt.Appendf(nil, "k%04d", r.IntN(2200)) }
	spans := []Span{{Key: []byte{0}, End: []byte{0}}, {Key: key()}, {Key: key(), End: []byte{0}}, {Key: key(), End: key()}, {End: key()}}
	for _, s := range spans {
		var got []string
		var bytes int64
		tr.ascend(s, func(kv *KeyValue) bool {
			bytes += weight(kv)
			if m[string(kv.Key)] != kv {
				t.Fatalf("key %s holds another version", kv.Key)
			}
			got = append(got, string(kv.Key))
			return true
		})
		want := m.span(s)
		if !slices.Equal(got, want) {
			t.Fatalf("span %q: got %d keys, want %d", s, len(got), len(want))
		}
		if n := tr.weigh(s); n != bytes {
			t.Fatalf("span %q: %d bytes, want %d", s, n, bytes)
		}
		if n := tr.count(s); n != len(want) {
			t.Fatalf("span %q: count %d, want %d", s, n, len(want))
		}
	}
}

func TestTreeAgainstModel(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := model{}
		var tr tree
		type version struct {
			tree
			model
		}
		var kept []version
		for round := range 60 {
			e := tr.edit()
			grow := round%20 < 12
			for range r.IntN(400) {
				key := fmt.Appendf(nil, "k%04d", r.IntN(2000))
				old := m[string(key)]
				if r.IntN(10) < 7 == grow {
					kv := &KeyValue{Key: key, Value: make([]byte, r.IntN(50))}
					if prev := e.set(kv); prev != old {
						t.Fatalf("seed %d: set %s returned %v, want %v", seed, key, prev, old)
					}
					m[string(key)] = kv
				} else {
					if prev := e.remove(key); prev != old {
						t.Fatalf("seed %d: remove %s returned %v, want %v", seed, key, prev, old)
					}
					delete(m, string(key))
				}
			}
			tr = e.tree
			checkTree(t, tr, m, r)
			if round%10 == 3 {
				c := model{}
				for k, v := range m {
					c[k] = v
				}
				kept = append(kept, version{tr, c})
			}
		}
		// Later edits must not have touched the versions handed out before.
		for _, v := range kept {
			checkTree(t, v.tree, v.model, r)
		}
	}
}

func TestSpanContains(t *testing.T) {
	for _, tc := range []struct {
		key, end string
		in, out  []string
	}{
		{"b", "", []string{"b"}, []string{"a", "ba", "c"}},
		{"b", "\x00", []string{"b", "c", "\xff"}, []string{"a"}},
		{"b", "d", []string{"b", "ba", "c"}, []string{"a", "d"}},
		{"d", "b", nil, []string{"b", "c", "d"}},
		{"", "c", []string{"a", "b"}, []string{"c"}},
	} {
		s := Span{Key: []byte(tc.key), End: []byte(tc.end)}
		for _, k := range tc.in {
			if !s.Contains([]byte(k)) {
				t.Errorf("%q does not contain %q", s, k)
			}
		}
		for _, k := range tc.out {
			if s.Contains([]byte(k)) {
				t.Errorf("%q contains %q", s, k)
			}
		}
	}
}

func FuzzTree(f *testing.F) {
	f.Add([]byte("abcabcABC"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		m := model{}
		e := tree{}.edit()
		for i, op := range ops {
			if i%97 == 96 {
				e = e.edit()
			}
			key := bytes.Repeat([]byte{op & 0x7f}, 1+i%3)
			if op < 0x80 {
				kv := &KeyValue{Key: key}
				e.set(kv)
				m[string(key)] = kv
			} else {
				e.remove(key)
				delete(m, string(key))
			}
		}
		checkTree(t, e.tree, m, rand.New(rand.NewPCG(1, 1)))
	})
}
