// Command ark-server serves the Ark API (ark.mckinsey.com), see README.md.
//
// The package holds flags and wiring only:
//
//	command.go  the commands and their help
//	options.go  the flags of serve, their checks and groups
//	options_cluster.go, options_audit.go
//	            those for a cluster
//	env.go      flags from the environment
//	errors.go   what a wrong command line is answered with
//	serve.go    starts and stops what was asked for
//	serve_standalone.go, serve_cluster.go
//	            the server of each mode
//	kubeconfig.go, health.go
//	            what finds a running server: by locate.go, in a container container.go
//	names.go    names that follow the database
//	storage.go  opens the storage that was asked for
//	import.go, export.go, transfer.go
//	            move objects in and out of it
//	crds.go     prints the kinds as CustomResourceDefinitions
//	operate.go  metrics, traces and reports for operators
//	logging.go  where logs go
//	memory.go   how much garbage the process keeps
//	processors.go
//	            how many threads run goroutines
package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

func main() {
	keepGarbageFloor()
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code, 2 for a wrong
// command line and 1 for anything else that failed.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := newCommand()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "ark-server: %s\n", oneLine(explain(err, cmd)))
		return exitCode(err)
	}
	return 0
}
