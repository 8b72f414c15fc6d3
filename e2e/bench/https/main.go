package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

type options struct {
	storage string
	peer    string
	clients []int
	rounds  int
	objects int
	length  time.Duration
	apart   bool
	profile string
	args    []string
	env     []string
}

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start() error {
	o, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return run(ctx, o)
}

func parse(args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("bench/https", flag.ExitOnError)
	flags.StringVar(&o.storage, "storage", engine.SQLite, "where ark-server keeps its data: sqlite, postgresql or mysql, on a server of its own")
	flags.StringVar(&o.peer, "peer", "auto", "the real kube-apiserver: auto (if its binaries are there), build (build them first, 20 CPU-minutes), none")
	clients := flags.String("clients", "1,16,64", "numbers of concurrent clients")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; medians are printed")
	flags.IntVar(&o.objects, "objects", 10_000, "queries in the list")
	flags.DurationVar(&o.length, "length", 5*time.Second, "length of one measurement")
	flags.BoolVar(&o.apart, "apart", false, "keep the servers on the first half of the cores and the client on the others: what the client costs is then not taken from the servers")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile of ark-server under the most clients to this file and print its top")
	server := flags.String("server-args", "", "more arguments for ark-server, separated by spaces")
	env := flags.String("server-env", "", "more of ark-server's environment, such as GOGC=200, separated by spaces")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.args, o.env = strings.Fields(*server), strings.Fields(*env)
	for _, field := range strings.Split(*clients, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return o, fmt.Errorf("--clients: %q is not a positive number", field)
		}
		o.clients = append(o.clients, n)
	}
	switch o.peer {
	case "build":
		return o, component.BuildBinaries("etcd", "kube-apiserver")
	case "none":
		return o, nil
	case "auto":
		for _, name := range []string{"etcd", "kube-apiserver"} {
			if _, err := component.Binary(name); err != nil {
				fmt.Fprintf(os.Stderr, "bench: without the comparison: %v\n", err)
				o.peer = "none"
				break
			}
		}
		return o, nil
	}
	return o, fmt.Errorf("--peer: %q is none of auto, build, none", o.peer)
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "ark-bench-https-")
	if err != nil {
		return fmt.Errorf("make a folder for the databases: %w", err)
	}
	defer os.RemoveAll(dir)
	machine, err := measure.Machine(dir)
	if err != nil {
		return err
	}
	fmt.Println(machine)
	if o.apart {
		if err := measure.OnCores(0, runtime.NumCPU()/2-1); err != nil {
			return err
		}
	}
	targets, err := openAll(ctx, o, dir)
	defer func() {
		for _, t := range targets {
			if err := t.stop(); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
			}
		}
	}()
	if err != nil {
		return err
	}
	where := "the client shares the servers' cores"
	if o.apart {
		where = "the servers on one half of the cores, the client on the other"
		if err := measure.OnCores(runtime.NumCPU()/2, runtime.NumCPU()-1); err != nil {
			return err
		}
	}
	fmt.Printf("the life of a query (7 writes, %d bytes of input and of answer) and lists of %d queries; HTTP/2 over TLS, %d connections, %d rounds of %s; writes synced to disk; %s\n\n",
		inputSize, o.objects, connections, o.rounds, o.length, where)

	results := results{}
	plan := plan(o)
	for round := range o.rounds {
		for _, p := range plan {
			for _, t := range targets {
				sample, err := t.measure(ctx, p, o.length, fmt.Sprintf("%d-%d", round, p.clients))
				if err != nil {
					return err
				}
				results.add(p, t.name, sample)
			}
		}
		fmt.Fprintf(os.Stderr, "bench: round %d of %d done\n", round+1, o.rounds)
	}
	if err := results.print(os.Stdout, plan, targets); err != nil {
		return err
	}
	if o.profile != "" {
		return targets[0].profile(ctx, o)
	}
	return nil
}
