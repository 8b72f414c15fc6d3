package server

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mysql"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

// TestReadModelOnDatabases checks, on every database, that after a random history with retention,
// purges, compactions and restarts, the model that followed the store equals one that is built from
// scratch.
func TestReadModelOnDatabases(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		engine, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ark.db"), sqlite.Options{})
		followed(t, engine, err)
	})
	t.Run("postgresql", func(t *testing.T) {
		engine, err := postgres.Open(t.Context(), postgresServer.Database(t), postgres.Options{})
		followed(t, engine, err)
	})
	t.Run("mysql", func(t *testing.T) {
		engine, err := mysql.Open(t.Context(), mariadbServer.Database(t), mysql.Options{})
		followed(t, engine, err)
	})
}

func followed(t *testing.T, engine mvcc.Engine, err error) {
	if err != nil {
		t.Fatal(err)
	}
	gate := &history.Gate{}
	store, err := mvcc.Open(t.Context(), engine, mvcc.Options{RingCommits: 64, Held: gate.Held})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	archive, err := history.Open(t.Context(), store, gate, history.Options{Select: arkObject, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := archive.Close(); err != nil {
			t.Error(err)
		}
	})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "model.db")
	for range 6 {
		for range 10 + r.IntN(60) {
			writeRandomly(t, store, r)
		}
		switch r.IntN(3) {
		case 0:
			policy := history.Policy{Exact: time.Nanosecond, Rules: []history.Rule{{Versions: 2}}}
			if _, err := archive.Retain(t.Context(), policy, time.Now().Add(time.Hour), false); err != nil {
				t.Fatal(err)
			}
		case 1:
			if _, err := archive.Purge(t.Context(), history.Target{User: fmt.Sprint("user", r.IntN(3))}); err != nil {
				t.Fatal(err)
			}
		case 2:
			if err := store.Compact(t.Context(), store.Revision(), false); err != nil {
				t.Fatal(err)
			}
		}
		followTo(t, path, store, archive)
	}
	anew := filepath.Join(t.TempDir(), "anew.db")
	followTo(t, anew, store, archive)
	got, want := rowsOf(t, path), rowsOf(t, anew)
	if !slices.Equal(got, want) {
		t.Errorf("followed\n%s\nanew\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if all := strings.Join(want, "\n"); !strings.Contains(all, "c_revisions: ") || !strings.Contains(all, "deleted: ") || !strings.Contains(all, "k_agents: ") {
		t.Errorf("the model lacks a part, so nothing was compared: %s", all)
	}
}

func writeRandomly(t *testing.T, store *mvcc.Store, r *rand.Rand) {
	t.Helper()
	key := fmt.Appendf(nil, "%sagents/ns%d/a%d", readmodel.Prefix, r.IntN(2), r.IntN(5))
	actor := mvcc.Actor{User: fmt.Sprint("user", r.IntN(3)), Verb: "update"}
	op := mvcc.Op(&mvcc.Delete{Span: mvcc.Span{Key: key}})
	if r.IntN(4) > 0 {
		op = &mvcc.Put{Key: key, Value: fmt.Appendf(nil, `{"metadata":{"uid":"u","generation":1},"spec":{"prompt":"p%d"}}`, r.IntN(1000))}
	}
	if _, err := store.Txn(t.Context(), &mvcc.Txn{Then: []mvcc.Op{op}}, actor); err != nil {
		t.Fatal(err)
	}
}

// followTo opens a model, lets it catch up with the storage and its history, and closes it.
func followTo(t *testing.T, path string, store *mvcc.Store, reader history.Reader) {
	t.Helper()
	model, err := readmodel.Open(t.Context(), path, feed{store, "one"}, readmodel.Options{Past: pastOf(reader)})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); model.Run(ctx) }()
	defer func() { cancel(); <-done }()
	ok, err := model.WaitFor(ctx, store.Revision(), 20*time.Second)
	if err != nil || !ok || !model.WaitForPast(ctx, store.Revision(), 20*time.Second) {
		t.Fatalf("the model did not catch up: %v", err)
	}
	if reader == nil {
		return
	}
	compared := model.Status().Compared
	model.Forget()
	for begin := time.Now(); model.Status().Compared == compared; time.Sleep(time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatal("the model was not compared with the history")
		}
	}
}

// rowsOf returns all rows of a model except their ids, which depend on earlier rows.
func rowsOf(t *testing.T, path string) (all []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // read only: nothing is lost on an error
	statements := column(t, db, `SELECT 'SELECT ''' || m.name || ': '' || ' || group_concat('quote(' || c.name || ')', ' || ') || ' FROM ' || m.name
		FROM sqlite_schema m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND (m.name LIKE 'k\_%' ESCAPE '\' OR m.name LIKE 'c\_%' ESCAPE '\' OR m.name IN ('objects', 'deleted')) AND c.name NOT IN ('id', 'object') GROUP BY m.name`)
	for _, statement := range statements {
		all = append(all, column(t, db, statement)...)
	}
	slices.Sort(all)
	return all
}

func column(t *testing.T, db *sql.DB, statement string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
