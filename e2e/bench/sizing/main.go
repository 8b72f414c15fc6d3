// Command sizing runs the life cycles of Query objects on a real ark-server at a given rate, on
// each database. It prints the cost: processor time of the server and of its database, memory, and
// disk. docs/operations/sizing.md has its figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

type options struct {
	storages []string
	rates    []int
	length   time.Duration
}

func main() {
	storages := flag.String("storage", strings.Join([]string{engine.SQLite, engine.PostgreSQL, engine.MySQL}, ","), "databases to measure, each on a server of its own")
	rates := flag.String("rates", "10,50,100", "lives of queries a second")
	o := options{}
	flag.DurationVar(&o.length, "length", 20*time.Second, "length of one measurement")
	flag.Parse()
	o.storages = strings.Split(*storages, ",")
	for _, field := range strings.Split(*rates, ",") {
		rate, err := strconv.Atoi(field)
		if err != nil || rate < 1 {
			fmt.Fprintf(os.Stderr, "bench: --rates: %q is not a positive number\n", field)
			os.Exit(2)
		}
		o.rates = append(o.rates, rate)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	fmt.Printf("%d cores, shared by server, database and client; 1 KiB of input and of answer\n\n", runtime.NumCPU())
	table := measure.NewTable(os.Stdout, "storage", "lives/s wanted", "done", "write p50 ms", "p99", "server ms/life", "database ms/life", "disk KiB/life", "resident MiB")
	for _, storage := range o.storages {
		for _, rate := range o.rates {
			if err := one(ctx, o, storage, rate, table); err != nil {
				return fmt.Errorf("%s, %d lives a second: %w", storage, rate, err)
			}
		}
	}
	return table.Flush()
}

// one measures one rate on a fresh database.
func one(ctx context.Context, o options, storage string, rate int, table *measure.Table) (err error) {
	dir, err := os.MkdirTemp("", "ark-bench-sizing-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	place, stop, err := engine.Serve(ctx, storage, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	t, err := start(ctx, dir, place)
	if err != nil {
		return err
	}
	defer t.server.Kill() // it does nothing after Stop
	u, err := t.live(ctx, rate, o.length)
	if err != nil {
		return err
	}
	if err := t.server.Stop(); err != nil {
		return err
	}
	if place.Path != "" { // while the server runs, its write-ahead log may be larger than its content
		info, err := os.Stat(place.Path)
		if err != nil {
			return fmt.Errorf("measure the database: %w", err)
		}
		u.disk = info.Size()
	}
	perLife := func(d time.Duration) string { return measure.Millis(d / time.Duration(u.lives)) }
	table.Row(storage, strconv.Itoa(rate), fmt.Sprintf("%.1f", float64(u.lives)/u.took.Seconds()),
		measure.Millis(u.p50), measure.Millis(u.p99), perLife(u.server), perLife(u.database),
		fmt.Sprintf("%.1f", float64(u.disk)/float64(u.lives)/1024), strconv.FormatInt(u.memory>>20, 10))
	return nil
}
