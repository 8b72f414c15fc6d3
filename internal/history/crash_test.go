package history

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// childVariable makes the test binary the process that is killed; it names the database.
const childVariable = "ARK_HISTORY_CHILD"

// child writes without end and archives as fast as it can, and prints each revision that was acknowledged.
func child(path string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, path, sqlite.Options{})
	fail(err)
	gate := &Gate{}
	store, err := mvcc.Open(ctx, engine, mvcc.Options{RingCommits: 8, Held: gate.Held})
	fail(err)
	archive, err := Open(ctx, store, gate, Options{Select: selectAgents, Chain: true, Log: slog.Default()})
	fail(err)
	_, err = archive.view(ctx)
	fail(err)
	go func() {
		for {
			fail(archive.advance(ctx))
			time.Sleep(time.Millisecond)
		}
	}()
	for i := 0; ; i++ {
		name := fmt.Sprint("a", rand.IntN(5))
		res, err := store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{
			Key: fmt.Appendf(nil, "/registry/ark.mckinsey.com/agents/ns/%s", name), Value: object("uid-"+name, name, 1, fmt.Sprint(rand.Int64())),
		}}}, mvcc.Actor{User: "writer", Verb: "update"})
		fail(err)
		fmt.Println(res.Revision)
		if i%50 == 49 {
			fail(store.Compact(ctx, res.Revision-1, false))
		}
	}
}

// TestKill: a process that is killed at any moment, while it writes, archives and prunes, leaves each version that was
// acknowledged in the history, and none twice.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db")
	var acknowledged []int64
	for range 6 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, most := bufio.NewScanner(out), 20+rand.IntN(300)
		for n := 0; lines.Scan(); n++ {
			var revision int64
			if _, err := fmt.Sscan(lines.Text(), &revision); err != nil {
				t.Fatalf("the process says %q", lines.Text())
			}
			acknowledged = append(acknowledged, revision)
			if n == most {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
	}
	w := newWorld(t)
	w.path = path
	w.open()
	have := map[int64]int{}
	for _, v := range w.list(Query{Objects: true}) {
		have[v.Revision]++
		if len(v.Object) == 0 {
			t.Errorf("version %d has no object", v.Revision)
		}
	}
	for _, revision := range acknowledged {
		if have[revision] != 1 {
			t.Errorf("version %d is there %d times", revision, have[revision])
		}
	}
	rows, err := w.archive.side.Page(t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideSpan{Table: versionTable}, MaxBytes: mvcc.MaxSideData})
	if err != nil {
		t.Fatal(err)
	}
	stored := map[int64]int{}
	for i := range rows.Rows {
		records, err := decodeRow(Ref{}, rows.Rows[i].Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if stored[r.Revision]++; stored[r.Revision] > 1 {
				t.Errorf("version %d is in two rows", r.Revision)
			}
		}
	}
	t.Logf("%d writes, %d versions, %d of them in rows of the archive", len(acknowledged), len(have), len(stored))
}
