package readmodel

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestScrub checks that the model's files have something of a deleted object before a scrub, and
// nothing after it.
func TestScrub(t *testing.T) {
	source := newMemory()
	path := filepath.Join(t.TempDir(), "read.db")
	m, err := Open(t.Context(), path, source, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	defer func() {
		stop()
		<-ended
		m.Close()
	}()
	const marker = "xmarkerx4711"
	traces := func() bool {
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(path + suffix)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if bytes.Contains(bytes.ToLower(data), []byte(marker)) {
				return true
			}
		}
		return false
	}
	for i := range 30 {
		text := "plain words"
		if i%3 == 0 {
			text = marker
		}
		source.put(fmt.Sprintf("%squeries/ns/q%d", Prefix, i), fmt.Appendf(nil, `{"metadata":{"uid":"u%d"},"spec":{"input":%q,"sessionId":%q},"status":{"response":{"content":%q,"raw":"[{\"role\":\"assistant\",\"content\":\"%s\"}]"}}}`, i, text, text, text, text))
	}
	if ok, err := m.WaitFor(t.Context(), source.Revision(), time.Minute); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if !traces() {
		t.Fatal("the marker is nowhere before: the test looks in the wrong places")
	}
	for i := 0; i < 30; i += 3 {
		source.put(fmt.Sprintf("%squeries/ns/q%d", Prefix, i), nil)
	}
	if err := m.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if traces() {
		t.Error("the marker is still there")
	}
	var n int
	if err := m.reader.QueryRowContext(t.Context(), `SELECT count(*) FROM fts WHERE fts MATCH 'plain'`).Scan(&n); err != nil || n != 20 {
		t.Errorf("%d objects are found, %v, want 20", n, err)
	}
}
