package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

type options struct {
	systems []string
	cases   []string
	clients []int
	rounds  int
	keys    int
	budget  time.Duration
	length  time.Duration
	build   bool
	profile string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveCommand {
		exit(serve(os.Args[2:]))
	}
	o, err := parse(os.Args[1:])
	if err != nil {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse(args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("bench/etcd", flag.ExitOnError)
	systems := flags.String("systems", "etcd,kine,ark-socket,ark-direct", "systems to compare; also kine-postgres, ark-postgres and, with as many replicas, ark-postgres-2 and -3; the same with mysql; kine-postgres-stock is kine that keeps but two connections, as it comes; they need PostgreSQL and MariaDB installed")
	cases := flags.String("cases", strings.Join(caseNames(), ","), "cases to run")
	clients := flags.String("clients", "1,16,64", "numbers of concurrent clients")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; medians are printed")
	flags.IntVar(&o.keys, "keys", 10_000, "keys of 1 KiB in the store that get and list read")
	flags.DurationVar(&o.budget, "budget", 5*time.Minute, "about how long the whole run may take; decides the length of one measurement")
	flags.DurationVar(&o.length, "length", 0, "length of one measurement; overrides --budget")
	flags.BoolVar(&o.build, "build", true, "build etcd and kine where they are missing")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of this program, which ark-direct is a part of, to this file")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.systems, o.cases = strings.Split(*systems, ","), strings.Split(*cases, ",")
	for _, name := range o.systems {
		if !slices.Contains(systemNames(), name) {
			return o, fmt.Errorf("unknown system %q; known: %v", name, systemNames())
		}
	}
	for _, name := range o.cases {
		if !slices.Contains(caseNames(), name) {
			return o, fmt.Errorf("unknown case %q; known: %v", name, caseNames())
		}
	}
	for _, field := range strings.Split(*clients, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > maxClients {
			return o, fmt.Errorf("--clients: %q is not a number from 1 to %d", field, maxClients)
		}
		o.clients = append(o.clients, n)
	}
	if o.rounds < 1 || o.keys < 1 {
		return o, fmt.Errorf("--rounds and --keys must be at least 1")
	}
	return o, nil
}

// run opens the systems, runs the rounds and prints the results.
func run(ctx context.Context, o options) error {
	if o.build {
		for _, name := range []string{"etcd", "kine"} {
			if slices.ContainsFunc(o.systems, func(system string) bool { return system == name || strings.HasPrefix(system, name+"-") }) {
				if err := component.BuildBinaries(name); err != nil {
					return err
				}
			}
		}
	}
	dir, err := os.MkdirTemp("", "ark-bench-etcd-")
	if err != nil {
		return fmt.Errorf("make a folder for the databases: %w", err)
	}
	defer os.RemoveAll(dir)
	machine, err := measure.Machine(dir)
	if err != nil {
		return err
	}
	fmt.Println(machine)

	began := time.Now()
	stores, err := openAll(ctx, o, dir)
	defer func() {
		for _, s := range stores {
			s.close()
		}
	}()
	if err != nil {
		return err
	}
	plan := plan(o)
	if o.length == 0 {
		left := o.budget - time.Since(began)
		o.length = min(max(left/time.Duration(len(plan)*len(stores)*o.rounds), 200*time.Millisecond), 5*time.Second)
	}
	fmt.Printf("values of %d bytes, %d keys preloaded, %d rounds, %s a measurement; every write synced to disk\n\n",
		valueSize, o.keys, o.rounds, o.length.Round(time.Millisecond))

	if o.profile != "" {
		stop, err := startProfile(o.profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	results := results{}
	for round := range o.rounds {
		for _, p := range plan {
			for _, s := range stores {
				sample := p.run(ctx, s, measurement{name: fmt.Sprintf("%d-%d", round, p.clients), clients: p.clients, length: o.length})
				if err := ctx.Err(); err != nil {
					return err
				}
				results.add(p, s.name, sample)
			}
		}
		fmt.Fprintf(os.Stderr, "bench: round %d of %d done after %s\n", round+1, o.rounds, time.Since(began).Round(time.Second))
	}
	return results.print(os.Stdout, plan, o.systems)
}

// planned is a case with a number of clients.
type planned struct {
	benchCase
	clients int
}

func plan(o options) []planned {
	var all []planned
	for _, c := range allCases() {
		if !slices.Contains(o.cases, c.name) {
			continue
		}
		for _, n := range o.clients {
			if c.most == 0 || n <= c.most {
				all = append(all, planned{benchCase: c, clients: n})
			}
		}
	}
	return all
}

// startProfile profiles this process until stop is called.
func startProfile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write a profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("start a profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: write the profile:", err)
		}
	}, nil
}
