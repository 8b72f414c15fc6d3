package sqlite

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// oldDatabase unpacks a database that a release with schema version 1 has written: revisions 2 to
// 11 put "early N" to /ark/k0 to k9, the next 8 "late N" to k0 to k7, then come /ark/leased with
// lease 7, and the deletes of k0 and k9.
func oldDatabase(t *testing.T) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "schema-1.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpack, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unpack)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ark.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// contentOf is all that a store has: its live keys, and every event after the first revision.
func contentOf(t *testing.T, s *mvcc.Store) string {
	t.Helper()
	var text strings.Builder
	res, err := s.Range(t.Context(), &mvcc.Range{Span: everything})
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range res.KVs {
		fmt.Fprintf(&text, "%s=%s@%d/%d lease %d\n", kv.Key, kv.Value, kv.ModRevision, kv.Version, kv.Lease)
	}
	w := s.Watch(everything, 2)
	for synced := false; !synced; {
		b, err := w.Poll(t.Context(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		synced = b.Synced
		for _, ev := range b.Events {
			fmt.Fprintf(&text, "%d %v %s=%s", ev.KV.ModRevision, ev.Type, ev.KV.Key, ev.KV.Value)
			if ev.Prev != nil {
				fmt.Fprintf(&text, " was %s", ev.Prev.Value)
			}
			text.WriteString("\n")
		}
	}
	return text.String()
}

// TestUpgradedRows: the rows of a database from before there were checksums are served as they are,
// get theirs in the background, and are protected by them from then on.
func TestUpgradedRows(t *testing.T) {
	path := oldDatabase(t)
	report, err := Check(t.Context(), path, "")
	if err != nil || !report.OK() {
		t.Fatalf("check of the old database: %+v, %v", report, err)
	}
	e, s := openBoth(t, path)
	before := contentOf(t, s)
	for _, want := range []string{"/ark/k7=late 7@19/2", "/ark/k8=early 8@10/1", "/ark/leased=for a while@20/1 lease 7", "12 ", "/ark/k0=late 0 was early 0"} {
		if !strings.Contains(before, want) {
			t.Errorf("the old database has no %q:\n%s", want, before)
		}
	}
	bare := func() (n int) {
		t.Helper()
		if err := e.readers.QueryRowContext(t.Context(), "SELECT count(*) FROM log WHERE checksum = 0").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const rows = 21
	if n := bare(); n != rows {
		t.Fatalf("%d rows without a checksum, want all %d", n, rows)
	}
	put(t, s, "/ark/k1", "new 1")
	if n := bare(); n != rows {
		t.Errorf("a new row has no checksum, or an old one has got one: %d without", n)
	}
	before = contentOf(t, s)
	if err := e.scrubber.pass(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if n := bare(); n != 0 {
		t.Errorf("%d rows are still without a checksum", n)
	}
	if st := e.CheckStats(); st.Damaged != 0 || st.Rows != rows+1 || st.Completed.IsZero() {
		t.Errorf("the pass: %+v", st)
	}
	if after := contentOf(t, s); after != before {
		t.Errorf("the content has changed:\n%s\nwas\n%s", after, before)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err = Check(t.Context(), path, ""); err != nil || !report.OK() || !strings.Contains(fmt.Sprint(report.Findings), "0 have no checksum") {
		t.Errorf("check: %+v, %v", report, err)
	}
	flip(t, path, "early 8")
	if s, err := opened(filepath.Dir(path), nil, t); err == nil {
		s.Close()
		t.Error("a flipped bit in a row from before is not noticed")
	} else {
		wantDamage(t, err, "/ark/k8", 10)
	}
}

// flip changes the lowest bit of the last byte of a text, which must be in a file once.
func flip(t *testing.T, path, what string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte(what)); n != 1 {
		t.Fatalf("%q is %d times in the file", what, n)
	}
	b[bytes.Index(b, []byte(what))+len(what)-1] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantDamage wants the key, its revision and the remedies.
func wantDamage(t *testing.T, err error, key string, revision int64) {
	t.Helper()
	var damage *DamageError
	if !errors.As(err, &damage) {
		t.Fatalf("%v is no damage", err)
	}
	for _, want := range []string{fmt.Sprintf("%q at revision %d", key, revision), "restore"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say %q", err, want)
		}
	}
}

// TestFlippedBit: one bit of what a row holds is noticed by whatever reads it, named by its key and
// counted, and never served.
func TestFlippedBit(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "ark.db")
	_, s := openBoth(t, whole)
	for i := range 5 {
		put(t, s, fmt.Sprint("k", i), fmt.Sprint("early value ", i))
	}
	put(t, s, "k1", "late value 1")
	if _, err := s.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("by"), Value: []byte("v")}}}, mvcc.Actor{User: "somebody"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, text string
		key        string
		revision   int64
		// refused by the start, which reads live rows, but not who wrote them.
		refused bool
		// read: met by those that read history.
		read bool
	}{
		{"live value", "early value 3", "k3", 5, true, false},
		{"superseded value", "early value 1", "k1", 3, false, true},
		{"newest value of a key", "late value 1", "k1", 7, true, false},
		{"writer", "somebody", "by", 8, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			copyFiles(t, filepath.Dir(whole), dir)
			path := filepath.Join(dir, "ark.db")
			flip(t, path, tc.text)
			named := fmt.Sprintf("%q at revision %d", tc.key, tc.revision)

			report, err := Check(t.Context(), path, "")
			if err != nil || report.OK() || !strings.Contains(fmt.Sprint(report.Findings), named) || !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Remedy == RestoreBackup }) {
				t.Errorf("check does not name it: %+v, %v", report, err)
			}
			if _, err := Backup(t.Context(), path, filepath.Join(dir, "copy.db"), nil); err == nil || !strings.Contains(err.Error(), named) {
				t.Errorf("the backup: %v", err)
			}
			if _, err := os.Lstat(filepath.Join(dir, "copy.db")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the backup has left its file: %v", err)
			}

			var log bytes.Buffer
			e, err := Open(t.Context(), path, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			var s *mvcc.Store
			if err == nil {
				s, err = mvcc.Open(t.Context(), e, mvcc.Options{})
			}
			if tc.refused {
				if err == nil {
					s.Close()
					t.Fatal("the start takes it for what was written")
				}
				wantDamage(t, err, tc.key, tc.revision)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if tc.read {
				w := s.Watch(everything, 2)
				var res mvcc.PollResult
				var err error
				for err == nil && !res.Synced {
					res, err = w.Poll(t.Context(), 1<<20)
					for _, ev := range res.Events {
						if ev.KV.ModRevision == tc.revision {
							t.Fatalf("it was served: %s", ev.KV.Value)
						}
					}
				}
				wantDamage(t, err, tc.key, tc.revision)
			}
			for range 2 { // counted and logged once
				if err := e.scrubber.pass(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
			if st := e.CheckStats(); st.Damaged != 1 {
				t.Errorf("counted: %+v", st)
			}
			if n := strings.Count(log.String(), "restore a backup"); n != 1 || !strings.Contains(log.String(), tc.key) {
				t.Errorf("logged %d times: %s", n, log.String())
			}
		})
	}
}

// TestFlippedBitOfALease: the deadline of a lease decides over keys.
func TestFlippedBitOfALease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	_, s := openBoth(t, path)
	if _, err := s.LeaseGrant(t.Context(), 7, 1000); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	// SQLite has no exclusive or.
	if _, err := db.ExecContext(t.Context(), "UPDATE lease SET deadline = (deadline | 4096) - (deadline & 4096)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = opened(filepath.Dir(path), nil, t)
	if err == nil {
		s.Close()
		t.Fatal("the start takes it for what was written")
	}
	for _, want := range []string{"lease 7", "checksum", "restore a backup"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say %q", err, want)
		}
	}
}
