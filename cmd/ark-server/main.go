// Command ark-server serves the Ark API (ark.mckinsey.com), see README.md.
//
// The package contains the flags and the output; internal/server does the work:
//
//	command.go  the commands and their help
//	options.go  the flags of serve, their checks and groups
//	options_cluster.go
//	            the flags for a cluster
//	options_engine.go
//	            the flags for the execution of queries
//	options_authentication.go, options_audit.go
//	            the flags for authentication and the audit log
//	configure.go, env.go, config_file.go
//	            flags from the environment and the configuration file
//	config.go   prints the flags, and the source of each
//	mistyped.go suggestions for mistyped variables, flags and values
//	errors.go   the errors of an invalid command line
//	help.go     the output of --help
//	values.go   flags with a choice of values, and their completion
//	progress.go the progress of a long command on a terminal
//	signals.go  stops a command at a signal
//	serve.go    the server options from the flags, and the start-up lines
//	serve_cluster.go
//	            the start-up lines of a server in a cluster
//	fixes.go    the flags and the remedies for errors of package server
//	remedies.go the remedies for errors of the lower layers
//	query.go    asks a server
//	engine.go   executes the queries of another server
//	demo.go     starts a server with demo objects
//	kubeconfig.go, health.go
//	            find a running server, with locate.go and, in a container, container.go
//	container.go
//	            what differs in a container
//	token.go, token_access.go
//	            the tokens of users
//	secrets.go  the keys with which Secrets are stored
//	names.go    names derived from the database
//	check.go    checks the storage for damage
//	status.go, ask.go
//	            the state of the server and of its storage
//	doctor.go   checks for faults that stop a server from working, in doctor_*.go
//	backup.go, backup_note.go
//	            makes a backup, and records it for status
//	import.go, export.go, transfer.go
//	            import and export objects
//	crds.go     prints the kinds as CustomResourceDefinitions
//	listen.go, files.go
//	            the limits of connections
//	logging.go  the destination and format of logs
//	object_size.go
//	            the size limit of an object
//
// The package may import internal/aggregated, internal/apis/ark/rules, internal/apiserver/hooks,
// internal/apiserver/storage, internal/clientfault, internal/engine, internal/apis/ark/v1alpha1,
// internal/apis/records/v1alpha1, internal/engine/ask, internal/engine/demo,
// internal/engine/fromenv, internal/engine/objects, internal/connections, internal/crds,
// internal/database, internal/encryption, internal/etcdserver, internal/heap, internal/history,
// internal/kubeconfig, internal/mvcc, internal/mvcc/mark, internal/mvcc/servermark,
// internal/mvcc/sqlite, internal/operation, internal/privatefile, internal/runas, internal/server,
// internal/sharedkeys, internal/standalone, internal/token, internal/transfer,
// internal/transfer/arktable, internal/version, github.com/spf13/cobra, github.com/spf13/pflag,
// go.yaml.in/yaml/v3, golang.org/x/term, sigs.k8s.io/yaml, k8s.io/api, k8s.io/apimachinery,
// k8s.io/apiserver, k8s.io/client-go and k8s.io/klog/v2.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	_ "time/tzdata" // images have no time zones, and a DSN or a policy may name one

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/heap"
)

func main() {
	if err := becomeUser(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "ark-server: %v\n", err)
		os.Exit(1)
	}
	heap.Tune(os.DirFS("/"), logPressure)
	syscall.Umask(0o077) // files that libraries write (SQLite, the audit log) are accessible only to the owner, too
	ctx, stop := untilSignal(context.Background(), os.Stderr)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// logPressure logs when memory runs low, and when it no longer does.
func logPressure(before, now heap.Pressure) {
	use := heap.Current()
	log := klog.ErrorS
	if now < before {
		log = func(_ error, message string, keysAndValues ...any) { klog.InfoS(message, keysAndValues...) }
	}
	message := map[heap.Pressure]string{
		heap.Low:  "There is enough memory again: all requests are taken",
		heap.High: "The memory runs out: watches and lists without a limit get 429. Delete objects, or give the server more memory, see docs/operations/sizing.md",
		heap.Full: "The memory is full: new objects get 429 too. Delete objects, or give the server more memory, see docs/operations/sizing.md",
	}[now]
	log(nil, message, "usedMiB", use.Used>>20, "limitMiB", use.Limit>>20)
}

// run is main without the process. It returns the exit code: 2 for an invalid command line, 3 for
// damage that check has found, 128 plus the signal's number for a command that a signal ended
// early, and 1 for every other failure. A server that a signal stops returns 0.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := newCommand()
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	ran, err := cmd.ExecuteContextC(ctx)
	if err == nil || errors.Is(err, errHelpPrinted) {
		return 0
	}
	if by, ok := interrupted(ctx, err); ok {
		printError(stderr, fmt.Errorf("%s: %w before it was done", ran.CommandPath(), by), ran)
		return by.code()
	}
	printError(stderr, explain(err, ran), ran)
	return exitCode(err)
}

// printError prints one line with the reason that a command failed, in the log's format.
func printError(stderr io.Writer, err error, ran *cobra.Command) {
	text := oneLine(err)
	if logsJSON(ran) {
		asJSON(stderr).Error(text)
		return
	}
	if !strings.HasPrefix(text, "ark-server") {
		text = "ark-server: " + text
	}
	fmt.Fprintln(stderr, text)
}

func printWarning(stderr io.Writer, text string, ran *cobra.Command) {
	if logsJSON(ran) {
		asJSON(stderr).Warn(text)
		return
	}
	fmt.Fprintln(stderr, "ark-server: warning: "+text)
}

// logsJSON reports whether a command logs JSON, also before its flags are read from the
// environment.
func logsJSON(cmd *cobra.Command) bool {
	format := cmd.Flags().Lookup("log-format")
	switch {
	case format == nil:
		return false
	case format.Changed:
		return format.Value.String() == "json"
	}
	return os.Getenv(environmentName(format.Name)) == "json"
}
