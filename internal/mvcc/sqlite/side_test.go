package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
)

// fillSide appends rows to the side table "messages": ten to each key.
func fillSide(t *testing.T, s *mvcc.Store, keys int) {
	t.Helper()
	for k := range keys {
		var rows []mvcc.SideRow
		for i := range 10 {
			rows = append(rows, mvcc.SideRow{Table: "messages", Key: fmt.Appendf(nil, "k%d", k), Data: fmt.Appendf(nil, "message %d of %d", i, k), Time: time.UnixMilli(int64(i))})
		}
		if _, err := s.Side().Append(t.Context(), rows...); err != nil {
			t.Fatal(err)
		}
	}
}

// sideRows returns all rows of "messages".
func sideRows(t *testing.T, s *mvcc.Store) []mvcc.SideRow {
	t.Helper()
	page, err := s.Side().Page(t.Context(), mvcc.SideQuery{SideSpan: mvcc.SidePrefix("messages", nil)})
	if err != nil || page.More {
		t.Fatalf("more %t, %v", page.More, err)
	}
	return page.Rows
}

// TestSideBackup: side rows are in a backup and in what is restored of it, or of a plain copy, and
// ids go on past all that were assigned.
func TestSideBackup(t *testing.T) {
	dir := t.TempDir()
	path, copied, plain := filepath.Join(dir, "ark.db"), filepath.Join(dir, "backup.db"), filepath.Join(dir, "plain.db")
	s := openStore(t, path)
	put(t, s, "k", "v")
	fillSide(t, s, 5)
	want := sideRows(t, s)
	if _, err := Backup(t.Context(), path, copied, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Side().Append(t.Context(), mvcc.SideRow{Table: "messages", Key: []byte("lost")}); err != nil {
		t.Fatal(err)
	}
	last := sideRows(t, s)[len(want)].ID
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plain, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		from string
		rows int
	}{{copied, len(want)}, {plain, len(want) + 1}} {
		if _, _, err := Restore(t.Context(), tc.from, path, "", 1000); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, path)
		got := sideRows(t, s)
		if len(got) != tc.rows {
			t.Errorf("%s: %d rows, want %d", filepath.Base(tc.from), len(got), tc.rows)
		}
		for i := range want {
			if got[i].ID != want[i].ID || string(got[i].Data) != string(want[i].Data) {
				t.Errorf("row %d is %+v, want %+v", i, got[i], want[i])
			}
		}
		ids, err := s.Side().Append(t.Context(), mvcc.SideRow{Table: "other"})
		if err != nil || ids[0] <= last+mvcc.SideBump/2 {
			t.Errorf("id %d, %v; %d had been assigned before the restore", ids, err, last)
		}
		last = ids[0]
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if report, err := Check(t.Context(), path, ""); err != nil || !report.OK() || !strings.Contains(fmt.Sprint(report.Findings), "side tables") {
		t.Errorf("%+v, %v", report, err)
	}
}

// alter changes a database behind the engine's back.
func alter(t *testing.T, path string, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, conn, err := connectTo(t.Context(), dsn(path, "writable_schema(1)"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		conn.Close()
	}
}

// TestSideDamage: a damaged side row is not served, and is named by the check, the background
// check, and a backup; one that is missing by the check. Accepting the loss removes them.
func TestSideDamage(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage []string // %d is the row, the third of key k1
		served bool
		want   string
	}{
		{"data", []string{"UPDATE side SET data = x'00' WHERE id = %d"}, false, `the row %d of key "k1" in the side table messages does not match its checksum`},
		{"time", []string{"UPDATE side SET at = at + 1 WHERE id = %d"}, false, `the row %d of key "k1" in the side table messages does not match its checksum`},
		{"checksum", []string{"UPDATE side SET checksum = checksum + 1 WHERE id = %d"}, false, `the row %d of key "k1" in the side table messages does not match its checksum`},
		{"deleted", []string{"DELETE FROM side WHERE id = %d"}, true, "the side table messages has 29 rows"},
		{"missing", []string{
			"CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'side_key'",
			"DELETE FROM sqlite_schema WHERE name = 'side_key'", "DELETE FROM side WHERE id = %d",
			"INSERT INTO sqlite_schema SELECT * FROM kept", "DROP TABLE kept",
		}, true, `the row %d of key "k1" in the side table messages is missing`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ark.db")
			s := openStore(t, path)
			put(t, s, "k", "v")
			fillSide(t, s, 3)
			row := sideRows(t, s)[12].ID
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for _, statement := range tc.damage {
				if strings.Contains(statement, "%d") {
					statement = fmt.Sprintf(statement, row)
				}
				alter(t, path, statement)
			}
			want := strings.ReplaceAll(tc.want, "%d", fmt.Sprint(row))
			report, err := Check(t.Context(), path, "")
			if err != nil || report.OK() || !strings.Contains(fmt.Sprint(report.Findings), want) {
				t.Errorf("check: %+v, %v; want %q", report, err, want)
			}
			_, err = Backup(t.Context(), path, path+".backup", nil)
			if tc.name == "missing" {
				// The structure of the file tells that, which a start checks too.
				var corrupt *CorruptError
				if _, open := Open(t.Context(), path, Options{}); err == nil || !errors.As(open, &corrupt) {
					t.Errorf("backup: %v, start: %v", err, open)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "side table messages") {
				t.Errorf("backup: %v", err)
			}
			e, s := openBoth(t, path)
			var damage *DamageError
			_, err = s.Side().Page(t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideKey("messages", []byte("k1"))})
			if !tc.served && (!errors.As(err, &damage) || !strings.Contains(err.Error(), want)) {
				t.Errorf("page: %v", err)
			}
			if page, err := s.Side().Page(t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideKey("messages", []byte("k0"))}); err != nil || len(page.Rows) != 10 {
				t.Errorf("another key: %d rows, %v", len(page.Rows), err)
			}
			if err := e.scrubber.pass(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if n := e.CheckStats().Damaged; (n == 1) == tc.served {
				t.Errorf("the check in the background has found %d damaged rows", n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if e, err = Open(t.Context(), path, Options{AcceptDataLoss: &e.store}); err != nil {
				t.Fatal(err)
			}
			if s, err = mvcc.Open(t.Context(), e, mvcc.Options{}); err != nil {
				t.Fatal(err)
			}
			if rows := sideRows(t, s); len(rows) != 29 || slices.ContainsFunc(rows, func(r mvcc.SideRow) bool { return r.ID == row }) {
				t.Errorf("%d rows are left", len(rows))
			}
			fillSide(t, s, 1)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if report, err := Check(t.Context(), path, ""); err != nil || !report.OK() {
				t.Errorf("check after the loss was accepted: %+v, %v", report, err)
			}
		})
	}
}

// TestSideLoss: a start on files that lack side rows which were acknowledged, but no revision, is
// refused, and says so.
func TestSideLoss(t *testing.T) {
	for _, relaxed := range []bool{false, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "ark.db")
		open := func(opts Options) (*Engine, *mvcc.Store, error) {
			opts.Relaxed = relaxed
			e, err := Open(t.Context(), path, opts)
			if err != nil {
				return nil, nil, err
			}
			s, err := mvcc.Open(t.Context(), e, mvcc.Options{})
			return e, s, err
		}
		e, s, err := open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, "k", "v")
		fillSide(t, s, 2)
		awaitQuiet(t, e)
		before := t.TempDir()
		copyFiles(t, dir, before)
		fillSide(t, s, 1)
		if _, _, err := s.Side().Delete(t.Context(), mvcc.SideKey("messages", []byte("k1")), time.Time{}, 100); err != nil {
			t.Fatal(err)
		}
		newest, _, err := e.SideFind(t.Context(), mvcc.SidePoint{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		marked, err := os.ReadFile(path + ".mark")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		copyFiles(t, before, dir)
		if err := os.WriteFile(path+".mark", marked, 0o600); err != nil {
			t.Fatal(err)
		}
		var loss *LossError
		_, _, err = open(Options{})
		if want := fmt.Sprintf("but id %d had been acknowledged", newest.Newest); !errors.As(err, &loss) || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v, want a loss with %q", err, want)
		}
		if report, err := Check(t.Context(), path, ""); err != nil || report.OK() {
			t.Errorf("check: %+v, %v", report, err)
		}
		if _, s, err = open(Options{AcceptDataLoss: &loss.Store}); err != nil {
			t.Fatal(err)
		}
		ids, err := s.Side().Append(t.Context(), mvcc.SideRow{Table: "messages", Key: []byte("k1")})
		if err != nil || ids[0] <= newest.Newest || len(sideRows(t, s)) != 21 {
			t.Errorf("after the loss was accepted: %v, %v", ids, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSideUpgrade: a database from before there were side tables gets them.
func TestSideUpgrade(t *testing.T) {
	path := oldDatabase(t)
	s := openStore(t, path)
	fillSide(t, s, 3)
	if rows := sideRows(t, s); len(rows) != 30 {
		t.Errorf("%d rows", len(rows))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := Check(t.Context(), path, ""); err != nil || !report.OK() {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestSideFullDisk: an append that finds no room is refused with ErrNoSpace as a whole, deletes go
// on, and their room is used again.
func TestSideFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	e, s := openBoth(t, path)
	defer s.Close()
	fillSide(t, s, 1)
	if _, err := e.writer.ExecContext(context.Background(), "PRAGMA max_page_count = 40"); err != nil {
		t.Fatal(err)
	}
	large := mvcc.SideRow{Table: "messages", Key: []byte("large"), Data: make([]byte, 100_000)}
	var full error
	n := 0
	for ; full == nil && n < 20; n++ {
		_, full = s.Side().Append(t.Context(), mvcc.SideRow{Table: "messages", Key: []byte("small")}, large)
	}
	if !errors.Is(full, mvcc.ErrNoSpace) || n < 2 {
		t.Fatalf("append %d: %v", n, full)
	}
	if got := len(sideRows(t, s)); got != 10+2*(n-1) {
		t.Errorf("%d rows, want %d", got, 10+2*(n-1))
	}
	put(t, s, "k", "v") // what fits does
	if n, _, err := s.Side().Delete(t.Context(), mvcc.SideKey("messages", large.Key), time.Time{}, 100); err != nil || n == 0 {
		t.Fatalf("%d deleted, %v", n, err)
	}
	if _, err := s.Side().Append(t.Context(), large); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// batchOf puts a key at a revision.
func batchOf(revision int64) *mvcc.Batch {
	return &mvcc.Batch{Base: mvcc.Position{Revision: revision - 1}, Commits: []*mvcc.Commit{{Revision: revision, Time: time.Now(), Events: []mvcc.Event{{
		KV: &mvcc.KeyValue{Key: fmt.Append(nil, revision), Value: []byte("v"), CreateRevision: revision, ModRevision: revision, Version: 1},
	}}}}}
}

// TestSideJoins: a side batch takes part in the transaction of a batch of the store where that
// writes often; one that is refused does not take the other one with it, in both ways.
func TestSideJoins(t *testing.T) {
	e, err := Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	// together carries both out at a time.
	together := func(b *mvcc.Batch) (store, side error) {
		t.Helper()
		e.side.join.last.Store(time.Now().Add(time.Hour).UnixNano()) // as if the store wrote all the time
		done := make(chan error)
		sb := &mvcc.SideBatch{Ops: []*mvcc.SideOp{{Rows: []mvcc.SideRow{{Table: "messages", Data: fmt.Append(nil, rand.Int())}}}}}
		e.writing.Lock()
		go func() { done <- e.SideCommit(t.Context(), sb) }()
		for e.side.join.offered.Load() == nil {
			time.Sleep(10 * time.Microsecond)
		}
		job := e.side.join.offered.Load()
		e.writing.Unlock()
		store = e.Commit(t.Context(), b)
		side = <-done
		if job.b != sb {
			t.Fatal("another batch was offered")
		}
		return store, side
	}
	count := func() int64 {
		t.Helper()
		n, err := e.SideCount(t.Context(), mvcc.SidePrefix("messages", nil))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if store, side := together(batchOf(2)); store != nil || side != nil || count() != 1 {
		t.Fatalf("%v, %v, %d rows", store, side, count())
	}
	if store, side := together(batchOf(2)); store == nil || side != nil || count() != 2 {
		t.Errorf("a revision that is there already: %v, %v, %d rows", store, side, count())
	}
	if _, err := e.writer.ExecContext(context.Background(), "ALTER TABLE side RENAME COLUMN data TO hidden"); err != nil {
		t.Fatal(err)
	}
	if store, side := together(batchOf(3)); store != nil || side == nil || count() != 2 {
		t.Errorf("a side table that takes nothing: %v, %v, %d rows", store, side, count())
	}
	if st, err := e.State(t.Context()); err != nil || st.Revision != 3 {
		t.Errorf("revision %d, %v", st.Revision, err)
	}
}

// TestSidePlans: what is done to side tables goes by their indexes.
func TestSidePlans(t *testing.T) {
	e, err := Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for text, want := range map[string][]string{
		pageSideQuery[false].Text:       {"side_key (tbl=? AND key=? AND rowid>?)", "side_key (tbl=? AND key>? AND key<?)"},
		pageSideQuery[true].Text:        {"side_key (tbl=? AND key=? AND rowid<?)", "side_key (tbl=? AND key>? AND key<?)"},
		deleteSideStatement[false].Text: {"side_key (tbl=? AND key>? AND key<?)"},
		deleteSideStatement[true].Text:  {"side_time (tbl=? AND at<?)"},
		countSideQuery.Text:             {"COVERING INDEX side_key (tbl=? AND key>? AND key<?)"},
	} {
		found, err := e.readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, strings.Count(text, "?"))...)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for found.Next() {
			var id, parent, unused int
			var step string
			if err := found.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		found.Close()
		for _, w := range want {
			if !strings.Contains(strings.Join(plan, "\n"), w) {
				t.Errorf("%s\ndoes not use %s:\n%s", text, w, strings.Join(plan, "\n"))
			}
		}
	}
}

// BenchmarkSide measures the store's writers beside side rows.
func BenchmarkSide(b *testing.B) {
	e, err := Open(b.Context(), filepath.Join(b.TempDir(), "ark.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	enginetest.BenchSide(b, e)
}
