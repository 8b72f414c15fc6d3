package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
)

// crashed returns a copy of what a process leaves that is killed after some writes; before
// holds the files as they were some writes and a checkpoint earlier.
func crashed(t *testing.T) (dir, before string) {
	t.Helper()
	live := t.TempDir()
	path := filepath.Join(live, "ark.db")
	keys := path + ".keys"
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), path, Options{SecondMark: keys})
	if err != nil {
		t.Fatal(err)
	}
	s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for i := range 200 {
		put(t, s, fmt.Sprint("k", i), fmt.Sprint("early", i))
	}
	awaitQuiet(t, e)
	before = t.TempDir()
	copyFiles(t, live, before)
	for i := range 300 {
		put(t, s, fmt.Sprint("k", i), fmt.Sprint("late", i))
	}
	e.marks.sync() // as every second
	dir = t.TempDir()
	copyFiles(t, live, dir)
	return dir, before
}

// awaitQuiet waits until everything is in the database file.
func awaitQuiet(t *testing.T, e *Engine) {
	t.Helper()
	for range 2000 {
		// Before, the file may hold some pages of a checkpoint and older ones beside them.
		e.writing.Lock()
		quiet := e.quiet
		e.writing.Unlock()
		if !quiet {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		// Without the write-ahead log.
		db, conn, err := connectTo(t.Context(), dsn(e.path)+"&immutable=1")
		if err != nil {
			t.Fatal(err)
		}
		c := &connection{db, conn}
		have, err := c.find(t.Context())
		c.close()
		if err == nil && have.quiet && have.revision == e.newest.Load() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the database does not become quiet")
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// files returns what the files hold that a refused start must leave alone.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	content := map[string]string{}
	for _, name := range []string{"ark.db", "ark.db-wal", "ark.db.mark", "ark.db.keys/" + SecondMarkName} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil && len(b) > 0 { // SQLite makes an empty write-ahead log where there is none
			content[name] = string(b)
		}
	}
	return content
}

// opened opens what is there and returns its keys.
func opened(dir string, accept *mark.StoreID, t *testing.T) (*mvcc.Store, error) {
	path := filepath.Join(dir, "ark.db")
	e, err := Open(t.Context(), path, Options{SecondMark: path + ".keys", AcceptDataLoss: accept})
	if err != nil {
		return nil, err
	}
	return mvcc.Open(t.Context(), e, mvcc.Options{})
}

// either is wanted where it depends on when the write-ahead log has begun anew whether
// the other files make up for what is lost: a refusal, or everything.
const either = "either"

// requireLate wants all that crashed has written.
func requireLate(t *testing.T, s *mvcc.Store) {
	t.Helper()
	res, err := s.Range(t.Context(), &mvcc.Range{Span: everything})
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range res.KVs {
		if !strings.HasPrefix(string(kv.Value), "late") {
			t.Errorf("%s is %s", kv.Key, kv.Value)
		}
	}
	if len(res.KVs) != 300 {
		t.Errorf("%d keys, want 300", len(res.KVs))
	}
}

// TestLoss: whatever is lost of what a killed process leaves, the start says so, leaves the
// files as they are, and goes on past every revision handed out if it is told to.
func TestLoss(t *testing.T) {
	crash, earlier := crashed(t)
	const lastRevision = 501
	in := func(dir, name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	flip := func(path string, at int64) {
		t.Helper()
		b, err := os.ReadFile(path)
		must(err)
		b[at] ^= 0x10
		must(os.WriteFile(path, b, 0o600))
	}
	swap := func(dir, name string) {
		t.Helper()
		b, err := os.ReadFile(in(earlier, name))
		must(err)
		must(os.WriteFile(in(dir, name), b, 0o600))
	}
	for _, tc := range []struct {
		name   string
		damage func(dir string)
		want   string // "" where nothing is missing
	}{
		{"nothing", func(string) {}, ""},
		{"no shm", func(dir string) { os.Remove(in(dir, "ark.db-shm")) }, ""},
		{"no mark", func(dir string) { must(os.Remove(in(dir, "ark.db.mark"))) }, ""},
		{"no keys", func(dir string) { must(os.RemoveAll(in(dir, "ark.db.keys"))) }, ""},
		{"older mark", func(dir string) { swap(dir, "ark.db.mark") }, ""},
		{"mark cut", func(dir string) { must(os.Truncate(in(dir, "ark.db.mark"), 10)) }, ""},
		{"no wal", func(dir string) { must(os.Remove(in(dir, "ark.db-wal"))) }, "ark.db-wal is missing"},
		{"wal emptied", func(dir string) { must(os.Truncate(in(dir, "ark.db-wal"), 0)) }, "revision 501 had been acknowledged"},
		{"wal cut", func(dir string) { must(os.Truncate(in(dir, "ark.db-wal"), 40_000)) }, "acknowledged"},
		{"last frame of the wal cut", func(dir string) {
			must(os.Truncate(in(dir, "ark.db-wal"), usedLog(t, in(dir, "ark.db-wal"))-1))
		}, "it is at revision 500"},
		{"byte of the wal", func(dir string) { flip(in(dir, "ark.db-wal"), usedLog(t, in(dir, "ark.db-wal"))/2) }, "acknowledged"},
		{"last byte of the wal", func(dir string) { flip(in(dir, "ark.db-wal"), usedLog(t, in(dir, "ark.db-wal"))-1) }, "it is at revision 500"},
		{"older wal", func(dir string) { swap(dir, "ark.db-wal") }, either},
		{"older database", func(dir string) { swap(dir, "ark.db") }, either},
		{"older database and wal", func(dir string) { swap(dir, "ark.db"); swap(dir, "ark.db-wal") }, "revision 501 had been acknowledged"},
		{"older everything but the keys", func(dir string) {
			swap(dir, "ark.db")
			swap(dir, "ark.db-wal")
			swap(dir, "ark.db.mark")
		}, "revision 501 had been acknowledged"},
		{"no database", func(dir string) { must(os.Remove(in(dir, "ark.db"))) }, "ark.db-wal is there without the database"},
		{"database emptied", func(dir string) { must(os.Truncate(in(dir, "ark.db"), 0)) }, "ark.db-wal is there without the database"},
		{"neither database nor wal", func(dir string) { must(os.Remove(in(dir, "ark.db"))); must(os.Remove(in(dir, "ark.db-wal"))) }, "there is no database"},
		{"only the keys left", func(dir string) {
			for _, name := range []string{"ark.db", "ark.db-wal", "ark.db.mark"} {
				must(os.Remove(in(dir, name)))
			}
		}, "there is no database"},
		{"another database", func(dir string) {
			for _, name := range []string{"ark.db", "ark.db-wal", "ark.db.mark"} {
				must(os.Remove(in(dir, name)))
			}
			e, err := Open(t.Context(), in(dir, "ark.db"), Options{})
			must(err)
			must(e.Close())
		}, "but store"},
		{"database alone", func(dir string) {
			must(os.Remove(in(dir, "ark.db-wal")))
			must(os.Remove(in(dir, "ark.db.mark")))
			must(os.RemoveAll(in(dir, "ark.db.keys")))
		}, "it was being written when it was copied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			copyFiles(t, crash, dir)
			tc.damage(dir)
			was := files(t, dir)
			s, err := opened(dir, nil, t)
			if tc.want == "" {
				if err != nil {
					t.Fatalf("refused, though nothing is missing: %v", err)
				}
				defer s.Close()
				requireLate(t, s)
				return
			}
			if tc.want == either {
				if err != nil && !strings.Contains(err.Error(), "restore a backup") {
					t.Errorf("no remedy in %v", err)
				}
				if err == nil {
					defer s.Close()
					requireLate(t, s)
				}
				return
			}
			if err == nil {
				s.Close()
				t.Fatalf("opened at revision %d", s.Revision())
			}
			t.Log(err)
			var loss *LossError
			if !errors.As(err, &loss) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "restore a backup") {
				t.Fatalf("%v does not say %q, or no way out", err, tc.want)
			}
			if now := files(t, dir); fmt.Sprint(now) != fmt.Sprint(was) {
				t.Error("the refused start has changed files")
			}
			report, err := Check(t.Context(), filepath.Join(dir, "ark.db"), filepath.Join(dir, "ark.db.keys"))
			if err != nil || report.OK() {
				t.Errorf("check: %+v, %v", report, err)
			}
			other := loss.Store + 1
			if s, err := opened(dir, &other, t); err == nil {
				s.Close()
				t.Fatal("opened with the permission for another store")
			}
			s, err = opened(dir, &loss.Store, t)
			if err != nil {
				t.Fatal(err)
			}
			if s.Revision() <= lastRevision && tc.name != "database alone" || s.Revision() < 1_000_000_000 {
				t.Errorf("goes on at revision %d: revisions are handed out twice", s.Revision())
			}
			put(t, s, "after", "the loss")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = opened(dir, nil, t); err != nil {
				t.Fatalf("the next start: %v", err)
			}
			s.Close()
		})
	}
}

// usedLog is how much of a write-ahead log is valid: it may be longer, from before it began anew.
func usedLog(t *testing.T, path string) int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := 32
	for at+frameSize <= len(b) && string(b[at+8:at+16]) == string(b[16:24]) {
		at += frameSize
	}
	return int64(at)
}

// TestQuietCopy: a second after the last write the file alone has everything.
func TestQuietCopy(t *testing.T) {
	dir := t.TempDir()
	e, s := openBoth(t, filepath.Join(dir, "ark.db"))
	defer s.Close()
	for round := range 3 {
		revision := put(t, s, "k", fmt.Sprint(round))
		awaitQuiet(t, e)
		to := t.TempDir()
		b, err := os.ReadFile(e.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, "ark.db"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		alone, err := opened(to, nil, t)
		if err != nil {
			t.Fatal(err)
		}
		if alone.Revision() != revision {
			t.Errorf("the copy is at revision %d, want %d", alone.Revision(), revision)
		}
		alone.Close()
	}
}

// TestOutsideReader: a program that reads the database holds up no write.
func TestOutsideReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	e, s := openBoth(t, path)
	defer s.Close()
	put(t, s, "k", "v")
	reader, err := connectReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.close()
	if _, err := reader.ExecContext(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRowContext(t.Context(), "SELECT count(*) FROM log").Scan(&n); err != nil {
		t.Fatal(err)
	}
	kept := func(value string) bool {
		e.checkpointer.ready.Store(true)
		e.checkpointer.retry = time.Time{}
		put(t, s, "k", value)
		return !e.checkpointer.retry.IsZero()
	}
	// If the log had been copied when the reader began, it reads the file alone, and the log
	// begins anew once more. What is written then cannot be copied beside the reader.
	kept("begin")
	restarts := 0
	for i := range 20 {
		if kept(fmt.Sprint(i)) {
			restarts++
		}
	}
	if restarts != 20 {
		t.Errorf("%d of 20 restarts were kept from their end by the reader: the test shows nothing", restarts)
	}
	if _, err := reader.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	e.checkpointer.retry = time.Time{}
	put(t, s, "k", "free")
	if !e.checkpointer.retry.IsZero() || e.checkpointer.ready.Load() {
		t.Error("the log does not begin anew without the reader")
	}
}
