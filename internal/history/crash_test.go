package history

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mysql"
	"github.com/mckinsey/ark-server/internal/mvcc/postgres"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// childVariable makes the test binary run as the process that is killed; it has the childDatabase
// as JSON.
const childVariable = "ARK_HISTORY_CHILD"

// childDatabase is the database of a process that is killed: the SQLite file Path, or a database
// server's.
type childDatabase struct {
	Kind, Path string
	Server     database.Config
}

func (d *childDatabase) open(ctx context.Context) (mvcc.Engine, error) {
	switch d.Kind {
	case "postgresql":
		return postgres.Open(ctx, d.Server, postgres.Options{})
	case "mysql":
		return mysql.Open(ctx, d.Server, mysql.Options{})
	}
	return sqlite.Open(ctx, d.Path, sqlite.Options{})
}

// Processes that are killed remove versions in the namespace scratch and versions of the user
// purged.
const (
	scratch    = "scratch"
	purgedUser = "purged"
	// scratchVersions is how many versions of an object in the namespace scratch are kept.
	scratchVersions = 2
)

var scratchPolicy = Policy{Rules: []Rule{{Namespaces: []string{scratch}, Versions: scratchVersions}}}

// written is a version that was acknowledged.
type written struct {
	Revision             int64
	Namespace, Name, Sum string
	User                 string
}

func sum(object []byte) string { return fmt.Sprintf("%x", sha256.Sum256(object)) }

// child writes, archives, applies a policy and purges as fast as it can, without end, and prints
// each version that was acknowledged.
func child(text string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	var d childDatabase
	fail(json.Unmarshal([]byte(text), &d))
	ctx := context.Background()
	engine, err := d.open(ctx)
	fail(err)
	gate := &Gate{}
	store, err := mvcc.Open(ctx, engine, mvcc.Options{RingCommits: 8, Held: gate.Held})
	fail(err)
	archive, err := Open(ctx, store, gate, Options{Select: selectAgents, Chain: true, Log: slog.New(slog.DiscardHandler)})
	fail(err)
	archive.turnPatience = 100 * time.Millisecond // a killed process does not release its turn
	_, err = archive.view(ctx)
	fail(err)
	again := func(rest time.Duration, step func() error) {
		go func() {
			for ; ; time.Sleep(rest) {
				fail(step())
			}
		}()
	}
	again(time.Millisecond, func() error { return archive.advance(ctx) })
	again(10*time.Millisecond, func() error {
		_, err := archive.Retain(ctx, scratchPolicy, time.Now(), false)
		return err
	})
	again(30*time.Millisecond, func() error {
		_, err := archive.Purge(ctx, Target{User: purgedUser})
		return err
	})
	for i := 0; ; i++ {
		w := written{Namespace: "ns", Name: fmt.Sprint("a", rand.IntN(5)), User: "writer"}
		if rand.IntN(3) == 0 {
			w.Namespace = scratch
		}
		if rand.IntN(6) == 0 {
			w.User = purgedUser
		}
		value := object("uid-"+w.Namespace+w.Name, w.Name, 1, fmt.Sprint(rand.Int64()))
		res, err := store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{
			Key: fmt.Appendf(nil, "/registry/ark.mckinsey.com/agents/%s/%s", w.Namespace, w.Name), Value: value,
		}}}, mvcc.Actor{User: w.User, Verb: "update"})
		fail(err)
		w.Revision, w.Sum = res.Revision, sum(value)
		line, err := json.Marshal(w)
		fail(err)
		fmt.Println(string(line))
		if i%50 == 49 {
			if err := store.Compact(ctx, res.Revision-1, false); !errors.Is(err, mvcc.ErrCompacted) { // the other replica may have compacted it
				fail(err)
			}
		}
	}
}

// TestKill kills processes at any moment while they write, archive, prune, apply a policy and
// purge. It checks that the history has each acknowledged version that has to be kept, and none
// twice. On database servers two replicas run, and one continues when the other is killed.
func TestKill(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		kill(t, &childDatabase{Kind: "sqlite", Path: filepath.Join(t.TempDir(), "ark.db")}, 1)
	})
	t.Run("postgresql", func(t *testing.T) {
		kill(t, &childDatabase{Kind: "postgresql", Server: postgresServer.Database(t)}, 2)
	})
	t.Run("mysql", func(t *testing.T) {
		kill(t, &childDatabase{Kind: "mysql", Server: mysqlServer.Database(t)}, 2)
	})
}

// deaths is how many processes are killed.
const deaths = 4

// kill kills processes, some of which run at the same time, and checks the history that they leave.
func kill(t *testing.T, d *childDatabase, atOnce int) {
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan []written)
	slots := make(chan bool, atOnce)
	go func() {
		for range deaths {
			slots <- true
			go func() {
				defer func() { <-slots }()
				said <- killed(t, string(text))
			}()
		}
	}()
	var acknowledged []written
	for range deaths {
		acknowledged = append(acknowledged, <-said...)
	}
	w := newWorld(t)
	w.chained = true
	w.engine = func() (mvcc.Engine, error) { return d.open(t.Context()) }
	w.open()
	w.archive.turnPatience = 100 * time.Millisecond
	kept := w.holds(acknowledged)
	// The next process completes what the killed processes have begun.
	w.archiveAll()
	for _, remove := range []func() (Report, error){
		func() (Report, error) { return w.archive.Purge(t.Context(), Target{User: purgedUser}) },
		func() (Report, error) { return w.archive.Retain(t.Context(), scratchPolicy, time.Now(), false) },
	} {
		if _, err := remove(); err != nil {
			t.Fatal(err)
		}
	}
	w.holds(acknowledged)
	if left := w.list(Query{User: purgedUser}); len(left) > 0 {
		t.Errorf("%d versions of the user who was purged", len(left))
	}
	for i := range 5 {
		if left := w.list(Query{Resource: agents, Namespace: scratch, Name: fmt.Sprint("a", i)}); len(left) > scratchVersions {
			t.Errorf("%d versions of scratch/a%d, want %d at most", len(left), i, scratchVersions)
		}
	}
	w.once()
	seen := map[version]bool{}
	for _, one := range w.list(Query{Objects: true, OldestFirst: true}) {
		if at := (version{one.Ref(), one.Revision}); seen[at] {
			t.Errorf("version %d of %s is listed twice", one.Revision, one.Name)
		} else {
			seen[at] = true
		}
	}
	if v := w.verify(); v.Break != "" {
		t.Error(v.Break)
	}
	t.Logf("%d writes, of which %d are to be kept", len(acknowledged), kept)
}

// killed runs a process until it has made some writes, kills it, and returns them.
func killed(t *testing.T, database string) (acknowledged []written) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+database)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	lines, most := bufio.NewScanner(out), 20+rand.IntN(150)
	for lines.Scan() {
		var one written
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Errorf("the process says %q", lines.Text())
			break
		}
		if acknowledged = append(acknowledged, one); len(acknowledged) == most {
			_ = cmd.Process.Kill() // its output ends then
		}
	}
	_ = cmd.Wait() // it was killed
	if len(acknowledged) < most {
		t.Errorf("the process ended by itself after %d writes", len(acknowledged))
	}
	return acknowledged
}

// holds checks that the history has the acknowledged versions, each once and as it was written, and
// that only versions that a removal may take are missing. It returns how many of them are kept.
func (w *world) holds(acknowledged []written) (kept int) {
	w.t.Helper()
	have := map[int64][]*Version{}
	for _, v := range w.list(Query{Objects: true}) {
		have[v.Revision] = append(have[v.Revision], v)
	}
	for _, one := range acknowledged {
		found, goes := have[one.Revision], one.Namespace == scratch || one.User == purgedUser
		if !goes {
			kept++
		}
		if goes && len(found) == 0 {
			continue
		}
		if len(found) != 1 || found[0].Namespace != one.Namespace || found[0].Name != one.Name || found[0].User != one.User || sum(found[0].Object) != one.Sum {
			w.t.Errorf("version %d of %s/%s is there %d times, or is not what was written", one.Revision, one.Namespace, one.Name, len(found))
		}
	}
	return kept
}
