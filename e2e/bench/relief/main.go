package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

type options struct {
	storage string
	lives   int
	clients int
	rounds  int
	args    string
}

func main() {
	o := options{}
	flag.StringVar(&o.storage, "storage", engine.SQLite, "what ark-server keeps its data in: sqlite, postgresql or mysql")
	flag.IntVar(&o.lives, "lives", 1000, "life cycles of queries in a round")
	flag.IntVar(&o.clients, "clients", 16, "clients at a time")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; medians are printed")
	flag.StringVar(&o.args, "args", "", "further flags of ark-server, separated by spaces")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if err := component.BuildBinaries("etcd", "kubectl", "kube-apiserver", "kube-controller-manager", "helm"); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ark-bench-relief-")
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
			t.stop()
		}
	}()
	aggregated := &target{name: arkName, dir: filepath.Join(dir, "ark-server")}
	for _, t := range []*target{{name: crdsName, dir: filepath.Join(dir, "crds")}, aggregated, {name: directName, other: aggregated}} {
		targets = append(targets, t)
		starting, cancel := context.WithTimeout(ctx, 3*time.Minute)
		err := t.open(starting, o)
		cancel()
		if err != nil {
			return fmt.Errorf("start %s: %w", t.name, err)
		}
	}
	fmt.Printf("%d life cycles of queries (7 writes each, 1 KiB of input and of answer) by %d clients; %d rounds; ark-server on %s; writes synced to disk\n\n",
		o.lives, o.clients, o.rounds, o.storage)
	for round := range o.rounds {
		for _, t := range targets {
			if err := t.round(ctx, o, round); err != nil {
				return err
			}
		}
		fmt.Fprintf(os.Stderr, "bench: round %d of %d done\n", round+1, o.rounds)
	}
	return report(os.Stdout, targets)
}
