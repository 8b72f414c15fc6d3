package damage

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

var (
	trials = flag.Int("damage.trials", 24, "how many damages to do")
	seed   = flag.Uint64("damage.seed", uint64(time.Now().UnixNano()), "seed of the damages")
)

var quiet = slog.New(slog.DiscardHandler)

// The files of a database, and those that only help to notice a loss.
var (
	dataFiles = []string{"ark.db", "ark.db-wal"}
	helpers   = []string{"ark.db-shm", "ark.db.mark", "ark.db.keys/database.mark"}
	allFiles  = slices.Concat(dataFiles, helpers)
)

// TestDamage is the promise that nothing acknowledged is missing in silence.
func TestDamage(t *testing.T) {
	t.Logf("-damage.seed=%d -damage.trials=%d", *seed, *trials)
	random := rand.New(rand.NewPCG(*seed, 1))
	counts := map[string]int{}
	const perCrash = 8
	for done := 0; done < *trials; done += perCrash {
		c := crash(t, random)
		for i := range min(perCrash, *trials-done) {
			trialSeed := random.Uint64()
			outcome, err := c.trial(t, rand.New(rand.NewPCG(trialSeed, 2)))
			counts[outcome]++
			if err != nil {
				t.Errorf("trial %d, seed %d/%d: %v", done+i, *seed, trialSeed, err)
			}
		}
	}
	t.Logf("%d trials: %v", *trials, counts)
	if *trials >= 24 && (counts[refused] == 0 || counts[intact] == 0) {
		t.Error("no damage was noticed, or none was harmless: the test shows nothing")
	}
}

// The outcomes of a trial.
const (
	refused   = "refused by the start"
	found     = "found by check or a read"
	intact    = "nothing missing"
	undecided = "an older copy of all that remembers"
)

// crashed is what a killed child has left, with copies of the files from before.
type crashed struct {
	dir, older string
	journal    journal
}

// crash lets a child write for a while, across checkpoints or between them, and kills it.
func crash(t *testing.T, random *rand.Rand) *crashed {
	t.Helper()
	dir := t.TempDir()
	live := filepath.Join(dir, "live")
	c := &crashed{dir: filepath.Join(dir, "crashed"), older: filepath.Join(dir, "older"), journal: journal{live: map[string]string{}}}
	if err := os.MkdirAll(filepath.Join(live, "ark.db.keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(live, "ark.db")
	for range 1 + random.IntN(2) {
		c.journal.run(t, path, 50+random.IntN(250), func(int) {})
	}
	if random.IntN(2) == 0 { // with a clean stop in between
		store, err := open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if random.IntN(2) == 0 {
			time.Sleep(1500 * time.Millisecond)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	copyAll(t, live, c.older)
	pauseAt := random.IntN(200)
	c.journal.run(t, path, 50+random.IntN(400), func(n int) {
		if n == pauseAt && random.IntN(2) == 0 {
			time.Sleep(300 * time.Millisecond)
		}
	})
	copyAll(t, live, c.dir)
	return c
}

// trial damages a copy and opens it.
func (c *crashed) trial(t *testing.T, random *rand.Rand) (string, error) {
	t.Helper()
	dir := t.TempDir()
	copyAll(t, c.dir, dir)
	var did []string
	touched := map[string]bool{}
	// What would notice a loss is left alone where data is damaged, in most trials: one fault at a
	// time.
	files := allFiles
	for range 1 + random.IntN(3) {
		file := files[random.IntN(len(files))]
		if random.IntN(3) > 0 {
			file = dataFiles[random.IntN(len(dataFiles))]
		}
		touched[file] = true
		did = append(did, c.damage(t, random, dir, file))
	}
	if random.IntN(8) == 0 {
		for _, file := range allFiles {
			touched[file] = true
			did = append(did, c.swap(t, dir, file))
		}
	}
	blind := touched["ark.db.mark"] && (touched["ark.db"] || touched["ark.db-wal"])
	outcome, err := c.judge(t, dir, blind)
	if err != nil {
		err = fmt.Errorf("%s: %w", strings.Join(did, ", "), err)
	}
	return outcome, err
}

func (c *crashed) judge(t *testing.T, dir string, blind bool) (string, error) {
	ctx := context.Background()
	path := filepath.Join(dir, "ark.db")
	before := contents(t, dir)
	report, checkErr := sqlite.Check(ctx, path, path+".keys")
	noticed := checkErr != nil || !report.OK()
	store, err := open(ctx, path, nil)
	if err != nil {
		if after := contents(t, dir); after != before {
			return refused, fmt.Errorf("the refused start has changed files: %w", err)
		}
		return refused, c.wayOut(dir, err)
	}
	defer store.Close()
	missing := c.journal.missing(store)
	_, readErr := store.Watch(mvcc.Span{Key: []byte{0}, End: []byte{0}}, store.Compacted()+1).Poll(ctx, 64<<20)
	switch {
	case missing == "":
		return intact, nil
	case blind: // check and reads may tell of another of the faults
		return undecided, nil
	case noticed || readErr != nil && !errors.Is(readErr, mvcc.ErrCompacted):
		return found, fmt.Errorf("the start said nothing of what check found: %s", missing)
	}
	return "silent", fmt.Errorf("silent loss: %s", missing)
}

var storeID = regexp.MustCompile(`--accept-data-loss=([0-9a-f]{16})`)

// wayOut follows the message, where it names a way out.
func (c *crashed) wayOut(dir string, refusal error) error {
	ctx := context.Background()
	path := filepath.Join(dir, "ark.db")
	for range 3 { // there may be several losses, each with its own store
		m := storeID.FindStringSubmatch(refusal.Error())
		if m == nil {
			if !strings.Contains(refusal.Error(), "restore") && !strings.Contains(refusal.Error(), "move that file away") {
				return fmt.Errorf("no remedy in: %w", refusal)
			}
			return nil
		}
		id, err := mark.ParseStoreID(m[1])
		if err != nil {
			return err
		}
		store, err := open(ctx, path, &id)
		if err != nil {
			refusal = err
			continue
		}
		defer store.Close()
		if store.Revision() <= c.journal.revision {
			return fmt.Errorf("after %w: goes on at revision %d, handed out were %d", refusal, store.Revision(), c.journal.revision)
		}
		return nil
	}
	return fmt.Errorf("the way out leads nowhere: %w", refusal)
}

func (c *crashed) damage(t *testing.T, random *rand.Rand, dir, file string) string {
	t.Helper()
	path := filepath.Join(dir, file)
	content, err := os.ReadFile(path)
	if err != nil || len(content) == 0 {
		return file + " is not there"
	}
	switch kind := random.IntN(8); kind {
	case 0:
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return file + " removed"
	case 1:
		return c.swap(t, dir, file)
	case 2, 3:
		size := random.Int64N(int64(len(content)))
		if random.IntN(4) == 0 {
			size = 0
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s cut to %d of %d", file, size, len(content))
	default:
		var at []int
		for range 1 + random.IntN(4) {
			i := random.IntN(len(content))
			content[i] ^= 1 << random.IntN(8)
			at = append(at, i)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s flipped at %v", file, at)
	}
}

func (c *crashed) swap(t *testing.T, dir, file string) string {
	t.Helper()
	path := filepath.Join(dir, file)
	older, err := os.ReadFile(filepath.Join(c.older, file))
	if err != nil {
		_ = os.Remove(path) // it was not there then
		return file + " removed, as it was before"
	}
	if err := os.WriteFile(path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	return file + " swapped with an older copy"
}

func contents(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, file := range []string{"ark.db", "ark.db-wal", "ark.db.mark", "ark.db.keys/database.mark"} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err == nil && len(b) > 0 {
			fmt.Fprintf(&all, "%s %d %x\n", file, len(b), b)
		}
	}
	return all.String()
}

func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
