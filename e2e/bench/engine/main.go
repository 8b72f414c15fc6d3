package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

type options struct {
	storage string
	clients int
	queries int
	rounds  int
	only    string
	profile string
	args    []string
}

func main() {
	o := options{}
	flag.StringVar(&o.storage, "storage", engine.SQLite, "where ark-server keeps its data: sqlite, postgresql or mysql, on a server of its own")
	flag.IntVar(&o.clients, "clients", 64, "clients, each of which waits for its answer before it asks again")
	flag.IntVar(&o.queries, "queries", 3200, "queries in a round")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; medians are printed")
	flag.StringVar(&o.only, "only", "", "measure only this: embedded or external")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the server with the embedded engine, in one more round, to this file")
	server := flag.String("server-args", "--engine-concurrency=64", "more arguments for ark-server with the embedded engine, separated by spaces")
	flag.Parse()
	o.args = strings.Fields(*server)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "ark-bench-engine-")
	if err != nil {
		return fmt.Errorf("make a folder for the databases: %w", err)
	}
	defer os.RemoveAll(dir)
	machine, err := measure.Machine(dir)
	if err != nil {
		return err
	}
	fmt.Println(machine)
	var targets []*target
	defer func() {
		for _, t := range targets {
			if err := t.close(); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
			}
		}
	}()
	for _, name := range []string{embedded, external} {
		if o.only != "" && o.only != name {
			continue
		}
		t, err := open(ctx, o, name, filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("start the server with --engine=%s: %w", name, err)
		}
		targets = append(targets, t)
	}
	fmt.Printf("%d queries to an agent by %d clients over HTTPS, in each of %d rounds; a scripted model over HTTP, which answers at once; %s; writes synced to disk; clients, model and controller share the machine\n\n",
		o.queries, o.clients, o.rounds, o.storage)
	results := make([][]sample, len(targets))
	for round := range o.rounds {
		for i, t := range targets {
			s, err := t.round(ctx, o, round)
			if err != nil {
				fmt.Fprintln(os.Stderr, t.server.Stderr())
				return fmt.Errorf("round %d with --engine=%s: %w", round, t.name, err)
			}
			results[i] = append(results[i], s)
			fmt.Fprintf(os.Stderr, "bench: round %d, %s: %.0f queries/s\n", round+1, t.name, s.Rate)
		}
	}
	if err := report(os.Stdout, targets, results); err != nil {
		return err
	}
	if o.profile == "" || len(targets) == 0 || targets[0].name != embedded {
		return nil
	}
	return targets[0].profile(ctx, o)
}

func report(out *os.File, targets []*target, results [][]sample) error {
	table := measure.NewTable(out, "engine", "queries/s", "p50 ms", "p99 ms", "writes per query", "server CPU ms", "client CPU ms", "queries/s : external")
	for i, t := range targets {
		var s measure.Series
		writes := 0.0
		for _, one := range results[i] {
			s = append(s, one.Sample)
			writes += one.writes / float64(len(results[i]))
		}
		m := s.Median()
		ratio := "-"
		if len(targets) == 2 {
			var other measure.Series
			for _, one := range results[1] {
				other = append(other, one.Sample)
			}
			ratio = measure.Ratio(m.Rate, other.Median().Rate)
		}
		table.Row(t.name, measure.Rate(m.Rate), measure.Millis(m.P50), measure.Millis(m.P99), fmt.Sprintf("%.1f", writes),
			measure.Millis(m.CPU["server"]), measure.Millis(m.CPU["client"]), ratio)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the results: %w", err)
	}
	fmt.Fprintln(out, "CPU is per query; the client's is that of clients, watch, model and, without the engine, controller. Writes are those that the database saw, the creation and Events included.")
	return nil
}

// patience is the time limit for an answer.
const patience = 20 * time.Second
