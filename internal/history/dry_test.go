package history

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mysql"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
)

// TestDryRunIsTheRun checks that the report of a dry run has the same bytes as that of the
// following run, and names exactly the versions that are removed then; on random histories.
func TestDryRunIsTheRun(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { dryRuns(newWorld(t), 6) })
	for name, open := range map[string]func(*testing.T) func() (mvcc.Engine, error){
		"postgresql": func(t *testing.T) func() (mvcc.Engine, error) {
			cfg := postgresServer.Database(t)
			return func() (mvcc.Engine, error) { return postgres.Open(t.Context(), cfg, postgres.Options{}) }
		},
		"mysql": func(t *testing.T) func() (mvcc.Engine, error) {
			cfg := mysqlServer.Database(t)
			return func() (mvcc.Engine, error) { return mysql.Open(t.Context(), cfg, mysql.Options{}) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.engine = open(t)
			dryRuns(w, 3)
		})
	}
}

func dryRuns(w *world, rounds int) {
	t := w.t
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	w.chained = true
	w.open()
	removed := 0
	for round := range rounds {
		for range 60 {
			w.write(r)
		}
		w.archiveAll()
		policy := Policy{Rules: []Rule{{StatusOnly: true, Drop: r.IntN(2) == 0}, {Namespaces: []string{"ns0"}, Versions: 2 + r.IntN(3)}, {Versions: 1 + r.IntN(6)}}}
		now := time.Now().Add(time.Hour)
		before := w.list(Query{OldestFirst: true})
		report := func(dry bool) (Report, string) {
			t.Helper()
			report, err := w.archive.Retain(t.Context(), policy, now, dry)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			return report, string(text)
		}
		dry, said := report(true)
		if left := w.list(Query{OldestFirst: true}); !slices.EqualFunc(left, before, same) {
			t.Fatalf("round %d: a dry run has changed the history", round)
		}
		if _, does := report(false); does != said {
			t.Fatalf("round %d: the run reports\n%s\nand the dry run\n%s", round, does, said)
		}
		named := map[version]bool{}
		for _, v := range dry.Gone {
			named[version{v.Ref(), v.Revision}] = true
		}
		want := slices.DeleteFunc(before, func(v *Version) bool { return named[version{v.Ref(), v.Revision}] })
		if left := w.list(Query{OldestFirst: true}); !slices.EqualFunc(left, want, same) {
			t.Fatalf("round %d: %d versions are left, want %d", round, len(left), len(want))
		}
		removed += len(named)
		if again, _ := report(true); len(again.Gone) != 0 || again.Digest == dry.Digest && len(dry.Gone) > 0 {
			t.Errorf("round %d: %d more would go", round, len(again.Gone))
		}
	}
	if removed < 20 {
		t.Errorf("%d versions were removed: the test shows little", removed)
	}
}
