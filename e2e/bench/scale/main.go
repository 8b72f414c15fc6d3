// Command scale measures the store with a long log: a million revisions of 200,000 live keys of 1
// KiB, on each database.
//
//	go run ./bench/scale -storage sqlite,postgresql,mysql
//
// It prints how long the store takes to open, to list, and to prune compacted revisions, and the
// effect of pruning on writers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

const writers = 32

type options struct {
	keys, revisions, rate int
	length                time.Duration
}

func main() {
	var o options
	storages := flag.String("storage", "sqlite,postgresql,mysql", "databases to measure")
	flag.IntVar(&o.keys, "keys", 200_000, "live keys")
	flag.IntVar(&o.revisions, "revisions", 1_000_000, "revisions in the log")
	flag.IntVar(&o.rate, "rate", 1000, "writes a second while it compacts")
	flag.DurationVar(&o.length, "length", 15*time.Second, "length of the measurement before the compaction")
	flag.Parse()
	for _, storage := range strings.Split(*storages, ",") {
		if err := run(context.Background(), storage, o); err != nil {
			fmt.Fprintf(os.Stderr, "scale: %s: %v\n", storage, err)
			os.Exit(1)
		}
	}
}

func run(ctx context.Context, storage string, o options) (err error) {
	dir, err := os.MkdirTemp("", "ark-scale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	place, stop, err := engine.Serve(ctx, storage, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	store, err := open(ctx, place)
	if err != nil {
		return err
	}
	each := o.revisions / 256
	loading := measure.RunCount(ctx, 256, each, func(ctx context.Context, c, i int) error {
		return put(ctx, store, (c*each+i)%o.keys)
	})
	if loading.FirstError != nil {
		return loading.FirstError
	}
	fmt.Printf("%s: %d revisions of %d keys written at %s a second\n", storage, store.Revision(), o.keys, measure.Rate(loading.Rate))
	if err := store.Close(); err != nil {
		return err
	}
	begin := time.Now()
	if store, err = open(ctx, place); err != nil {
		return err
	}
	fmt.Printf("  open: %s s\n", measure.Seconds(time.Since(begin)))
	defer func() { err = errors.Join(err, store.Close()) }()
	for _, limit := range []int64{500, 0} {
		begin := time.Now()
		res, err := store.Range(ctx, &mvcc.Range{Span: mvcc.Span{Key: []byte{0}, End: []byte{0}}, Limit: limit})
		if err != nil {
			return err
		}
		fmt.Printf("  list of %d: %s ms\n", len(res.KVs), measure.Millis(time.Since(begin)))
	}
	alone := paced(ctx, store, o, func() bool { return false }, o.length)
	fmt.Printf("  writes, %d a second: p50 %s ms, p99 %s ms\n", o.rate, measure.Millis(alone.P50), measure.Millis(alone.P99))
	pruned := make(chan error, 1)
	begin = time.Now()
	go func() { pruned <- store.Compact(ctx, store.Revision(), true) }()
	done := false
	var took time.Duration
	beside := paced(ctx, store, o, func() bool {
		select {
		case err = <-pruned:
			done, took = true, time.Since(begin)
		default:
		}
		return done
	}, 10*time.Minute)
	if err != nil {
		return err
	}
	fmt.Printf("  while pruning for %s s: p50 %s ms, p99 %s ms, %s writes a second\n", measure.Seconds(took),
		measure.Millis(beside.P50), measure.Millis(beside.P99), measure.Rate(beside.Rate))
	return nil
}

func open(ctx context.Context, place engine.Place) (*mvcc.Store, error) {
	e, err := place.Open(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return mvcc.Open(ctx, e, mvcc.Options{})
}

func put(ctx context.Context, store *mvcc.Store, key int) error {
	_, err := store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{
		Key: fmt.Appendf(nil, "/registry/scale/%08d", key), Value: make([]byte, 1024),
	}}}, mvcc.Actor{User: "scale", Verb: "update"})
	return err
}

// paced writes at a steady rate until ended returns true or the time is up. It measures each write
// from its scheduled start. Only one writer calls ended.
func paced(ctx context.Context, store *mvcc.Store, o options, ended func() bool, length time.Duration) measure.Sample {
	ctx, stop := context.WithTimeout(ctx, length)
	defer stop()
	begin := time.Now()
	took := make([][]time.Duration, writers)
	var writing sync.WaitGroup
	for c := range writers {
		writing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if c == 0 && ended() {
					stop()
				}
				time.Sleep(time.Until(begin.Add(time.Duration(i*writers+c) * time.Second / time.Duration(o.rate))))
				at := time.Now()
				if put(context.WithoutCancel(ctx), store, rand.IntN(o.keys)) == nil {
					took[c] = append(took[c], time.Since(at))
				}
			}
		})
	}
	writing.Wait()
	all := slices.Concat(took...)
	return measure.Sample{
		Rate: float64(len(all)) / time.Since(begin).Seconds(), Count: len(all),
		P50: measure.Percentile(all, 50), P99: measure.Percentile(all, 99),
	}
}
