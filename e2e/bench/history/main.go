package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

func main() {
	b := bench{}
	flag.IntVar(&b.revisions, "revisions", 100_000, "how many versions there are")
	flag.IntVar(&b.objects, "objects", 5_000, "of how many objects")
	flag.IntVar(&b.writers, "writers", 256, "how many write at once: the more, the fewer transactions the history takes to make")
	flag.BoolVar(&b.chain, "chain", false, "with a hash chain")
	flag.StringVar(&b.path, "db", "", "ask the database in this file, which is made with the versions if it is not there, and stays; with -retain=false as it was")
	flag.BoolVar(&b.retain, "retain", true, "compare writes with and without a retention pass")
	flag.StringVar(&b.profile, "cpuprofile", "", "write a CPU profile of the questions to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

const (
	users = 200
	asked = 200 // questions about an object
	weeks = 30  // questions about a user
	asOf  = 10_000
	// compactEvery is how many revisions the log keeps, similar to a server's compactor.
	compactEvery = 50_000
)

var agents = history.Resource{Group: "ark.mckinsey.com", Resource: "agents"}

// bench is a database with its history.
type bench struct {
	revisions, objects int
	writers            int
	chain, retain      bool
	profile            string

	path    string // of the database
	store   *mvcc.Store
	archive *history.Archive
	// json is the total size in bytes of the objects that were written.
	json, written atomic.Int64
}

func selectAgents(key []byte) (history.Ref, bool) {
	parts := strings.Split(string(key), "/")
	if len(parts) != 6 {
		return history.Ref{}, false
	}
	return history.Ref{Resource: agents, Namespace: parts[4], Name: parts[5]}, true
}

func (b *bench) open(ctx context.Context) error {
	engine, err := sqlite.Open(ctx, b.path, sqlite.Options{})
	if err != nil {
		return err
	}
	gate := &history.Gate{}
	if b.store, err = mvcc.Open(ctx, engine, mvcc.Options{Held: gate.Held}); err != nil {
		return err
	}
	b.archive, err = history.Open(ctx, b.store, gate, history.Options{Select: selectAgents, Chain: b.chain, Log: slog.Default()})
	return err
}

func (b *bench) close() error {
	if err := b.archive.Close(); err != nil {
		return err
	}
	return b.store.Close()
}

func (b *bench) name(i int) (namespace, name string) {
	return fmt.Sprintf("ns%02d", i%20), fmt.Sprintf("agent-%06d", i)
}

// put writes a version of an object: most versions change only the status, as controllers do.
func (b *bench) put(ctx context.Context, i, version int) error {
	namespace, name := b.name(i)
	generation, user := 1+version/5, fmt.Sprintf("user%03d", rand.IntN(users))
	value := fmt.Appendf(nil, `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":%q,"namespace":%q,"uid":"%08x-0000-4000-8000-%012x","generation":%d,"labels":{"team":"t%d"}},"spec":{"prompt":%q,"modelRef":{"name":"default"}},"status":{"conditions":[{"type":"Available","status":"True","lastTransitionTime":"2026-11-30T12:%02d:%02dZ","message":"version %d"}]}}`,
		name, namespace, i, i, generation, i%9, strings.Repeat(fmt.Sprintf("You are agent %d, and answer in style %d. ", i, generation), 20), version%60, i%60, version)
	b.json.Add(int64(len(value)))
	b.written.Add(1)
	_, err := b.store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: []byte("/registry/ark.mckinsey.com/agents/" + namespace + "/" + name), Value: value}}},
		mvcc.Actor{User: user, Groups: "system:authenticated", Verb: "update", UserAgent: "kubectl/v1.35", AuditID: fmt.Sprintf("%016x", rand.Uint64())})
	return err
}

// write writes the versions first to last of random objects, beginning with the first version of
// each.
func (b *bench) write(ctx context.Context, first, last int) error {
	next := atomic.Int64{}
	next.Store(int64(first) - 1)
	errs := make(chan error, b.writers)
	for range b.writers {
		go func() {
			for {
				n := int(next.Add(1))
				if n >= last {
					errs <- nil
					return
				}
				object := n
				if n >= b.objects {
					object = rand.IntN(b.objects)
				}
				err := b.put(ctx, object, n/b.objects)
				if err == nil && n%compactEvery == compactEvery-1 {
					err = b.store.Compact(ctx, b.store.Revision()-1, false)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	var failed error
	for range b.writers {
		if err := <-errs; err != nil {
			failed = err
		}
	}
	return failed
}

// archived waits until every revision is in the archive, and the log is pruned.
func (b *bench) archived(ctx context.Context) error {
	if err := b.store.Compact(ctx, b.store.Revision(), false); err != nil {
		return err
	}
	for b.archive.Stats().Lag > 0 || b.store.Stats().Pruned < b.store.Stats().Compacted-1 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "ark-bench-history-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	machine, err := measure.Machine(dir)
	if err != nil {
		return err
	}
	fmt.Println(machine)
	there := false
	if b.path == "" {
		b.path = filepath.Join(dir, "ark.db")
	} else if _, err := os.Stat(b.path); err == nil {
		there = true
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	if !there {
		if err := b.fill(ctx); err != nil {
			return err
		}
	}
	if err := b.profiled(func() error { return b.ask(ctx) }); err != nil {
		return err
	}
	if b.retain {
		if err := b.retention(ctx); err != nil {
			return err
		}
	}
	if b.chain {
		begin := time.Now()
		found, err := b.archive.Verify(ctx, nil)
		if err != nil {
			return err
		}
		fmt.Printf("verified %d versions and %d removed ones in %.1f s: break %q\n", found.Versions, found.Removed, time.Since(begin).Seconds(), found.Break)
	}
	if err := b.close(); err != nil {
		return err
	}
	begin := time.Now()
	if err := b.open(ctx); err != nil {
		return err
	}
	fmt.Printf("opened again in %d ms\n", time.Since(begin).Milliseconds())
	return b.close()
}

// fill writes the versions, and prints their cost.
func (b *bench) fill(ctx context.Context) error {
	begin := time.Now()
	if err := b.write(ctx, 0, b.objects); err != nil {
		return err
	}
	if err := b.archived(ctx); err != nil {
		return err
	}
	before, err := b.size(ctx)
	if err != nil {
		return err
	}
	// Archive steps run during the writes, as in a server.
	if err := b.write(ctx, b.objects, b.revisions); err != nil {
		return err
	}
	wrote := time.Since(begin)
	if err := b.archived(ctx); err != nil {
		return err
	}
	after, err := b.size(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d versions of %d objects, %d writers: %.0f writes/s, all archived after %.1f s; chain %t\n", b.revisions, b.objects, b.writers,
		float64(b.revisions)/wrote.Seconds(), time.Since(begin).Seconds(), b.chain)
	fmt.Printf("a version takes %d bytes of rows, keys and indexes of the history included, of %d bytes of JSON\n", (after-before)/int64(b.revisions-b.objects), b.json.Load()/b.written.Load())
	return nil
}

// profiled calls f with a CPU profile, if the flag asks for it.
func (b *bench) profiled(f func() error) error {
	if b.profile == "" {
		return f()
	}
	out, err := os.Create(b.profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return errors.Join(err, out.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}

// size returns the size of the rows of the history.
func (b *bench) size(ctx context.Context) (n int64, err error) {
	for _, table := range []string{"versions", "steps", "namespaces", "users", "uids", "archive", "chain"} {
		q := mvcc.SideQuery{SideSpan: mvcc.SideSpan{Table: "history_" + table}}
		for more := true; more; {
			page, err := b.store.Side().Page(ctx, q)
			if err != nil {
				return 0, err
			}
			for i := range page.Rows {
				n += int64(len(page.Rows[i].Key) + len(page.Rows[i].Data))
				q.After = page.Rows[i].Cursor()
			}
			more = page.More
		}
	}
	return n, nil
}
