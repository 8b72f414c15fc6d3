package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	process "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// killedEnv has TestMain back up and restore in that folder until it is killed.
const killedEnv = "ARK_TEST_SQLITE_KILLED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		fmt.Fprintln(os.Stderr, copyUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func copyUntilKilled(dir string) error {
	live, copied, restored := filepath.Join(dir, "live.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "restored.db")
	for {
		if _, err := Backup(context.Background(), live, copied, nil); err != nil && !errors.Is(err, errExists) {
			return err
		}
		fmt.Println("copied")
		_, aside, err := Restore(context.Background(), copied, restored, "", 10)
		if err != nil {
			return err
		}
		if err := errors.Join(os.Remove(copied), os.RemoveAll(aside)); err != nil {
			return err
		}
	}
}

// TestKilledCopies: whenever a backup or a restore is killed, it leaves no file of its own,
// a backup that is there is whole, and what was to be restored either goes on past all
// revisions handed out, or says that the restore has to be run again.
func TestKilledCopies(t *testing.T) {
	dir := t.TempDir()
	live, copied, restored := filepath.Join(dir, "live.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "restored.db")
	s := openStore(t, live)
	for i := range 300 {
		put(t, s, fmt.Sprint("k", i), strings.Repeat("v", 2000))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	past := int64(0)
	var served, refused int
	for round := range 30 {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		child := process.Command(self)
		child.Env = append(os.Environ(), killedEnv+"="+dir)
		var said bytes.Buffer
		child.Stderr = &said
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = out.Read(make([]byte, 1))
		time.Sleep(time.Duration(round) * 2 * time.Millisecond)
		_ = child.Process.Kill()
		_ = child.Wait()
		if said.Len() > 0 {
			t.Fatalf("the child said %s", &said)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("round %d: it left %s", round, e.Name())
			}
		}
		if f, err := os.Open(copied); err == nil {
			if st, _, err := checkCopy(t.Context(), f); err != nil || st.Revision != 301 {
				t.Errorf("round %d: the backup is of revision %d, %v", round, st.Revision, err)
			}
			f.Close()
		}
		_, there := os.Stat(restored)
		again, err := Open(t.Context(), restored, Options{})
		var lost *LossError
		if errors.As(err, &lost) {
			refused++
			if _, err := Backup(t.Context(), live, copied, nil); err != nil && !errors.Is(err, errExists) {
				t.Fatal(err)
			}
			if _, _, err := Restore(t.Context(), copied, restored, "", 10); err != nil {
				t.Fatalf("round %d: restored once more: %v", round, err)
			}
			again, err = Open(t.Context(), restored, Options{})
		}
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		store, err := mvcc.Open(t.Context(), again, mvcc.Options{})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		served++
		if there == nil && store.Revision() <= 301 && past > 301 || store.Revision() < past {
			t.Errorf("round %d: it goes on at revision %d, %d was handed out", round, store.Revision(), past)
		}
		past = put(t, store, "after", "restore")
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("served %d times, refused first %d times", served, refused)
}

// What has been deleted is not in a backup, whose free pages take no space.
func TestBackupHasNoFreePages(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "ark.db"), filepath.Join(dir, "copy.db")
	s := openStore(t, path)
	secret := strings.Repeat("deleted secret ", 4000)
	for i := range 100 {
		put(t, s, fmt.Sprint("k", i), secret)
		put(t, s, fmt.Sprint("k", i), "kept")
	}
	if err := s.Compact(t.Context(), s.Revision(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), path, copied, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	original, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	held, left := bytes.Count(original, []byte("deleted secret")), bytes.Count(content, []byte("deleted secret"))
	if held < 10_000 {
		t.Fatalf("the database holds %d: the test shows nothing", held)
	}
	// Pages that are partly in use may hold the end of what was in them.
	if left > held/20 {
		t.Errorf("the backup holds %d of %d that were deleted", left, held)
	}
	alone := openStore(t, copied)
	defer alone.Close()
	if res, err := alone.Range(t.Context(), &mvcc.Range{Span: everything}); err != nil || len(res.KVs) != 100 || string(res.KVs[7].Value) != "kept" {
		t.Errorf("%d keys, %v", len(res.KVs), err)
	}
}

// A plain copy of a database in use is restored with the write-ahead log beside it, or
// as far as it goes without.
func TestRestoreOfPlainCopies(t *testing.T) {
	for want, files := range map[string][]string{"1": {""}, "2": {"", "-wal"}} {
		dir := t.TempDir()
		path, copied, to := filepath.Join(dir, "ark.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "restored.db")
		e, s := openBoth(t, path)
		put(t, s, "a", "1")
		awaitQuiet(t, e)
		for i, suffix := range files {
			if i == 1 {
				put(t, s, "a", "2")
			}
			content, err := os.ReadFile(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copied+suffix, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Restore(t.Context(), copied, to, "", 10); err != nil {
			t.Fatalf("%q: %v", files, err)
		}
		restored := openStore(t, to)
		res, err := restored.Range(t.Context(), &mvcc.Range{Span: everything})
		if err != nil || len(res.KVs) != 1 || string(res.KVs[0].Value) != want {
			t.Errorf("%q: %v, %v, want %s", files, res.KVs, err, want)
		}
		restored.Close()
	}
}

// A process that is killed while it makes a backup the database of a server may leave a
// journal, which has to be rolled back before anything reads.
func TestHotJournal(t *testing.T) {
	dir := t.TempDir()
	path, copied, hot := filepath.Join(dir, "ark.db"), filepath.Join(dir, "copy.db"), filepath.Join(dir, "hot.db")
	s := openStore(t, path)
	put(t, s, "a", "1")
	if _, err := Backup(t.Context(), path, copied, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, conn, err := connect(t.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	defer conn.Close()
	for _, do := range []string{"PRAGMA cache_size = 1", "PRAGMA cache_spill = 1", "BEGIN IMMEDIATE", "UPDATE log SET value = zeroblob(3000000)"} {
		if _, err := conn.ExecContext(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	for _, suffix := range []string{"", "-journal"} { // as a kill leaves them
		content, err := os.ReadFile(copied + suffix)
		if err != nil || len(content) == 0 {
			t.Fatalf("%d bytes, %v", len(content), err)
		}
		if err := os.WriteFile(hot+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := openStore(t, hot)
	defer again.Close()
	if res, err := again.Range(t.Context(), &mvcc.Range{Span: everything}); err != nil || len(res.KVs) != 1 || string(res.KVs[0].Value) != "1" {
		t.Errorf("%v, %v", res, err)
	}
}

func TestRestoreWithoutBackup(t *testing.T) {
	dir := t.TempDir()
	none, empty := filepath.Join(dir, "none.db"), filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{none: "there is no backup", empty: "the backup is empty"} {
		if _, _, err := Restore(t.Context(), from, filepath.Join(dir, "ark.db"), "", 10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
