package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/privatefile"
	"github.com/mckinsey/ark-server/internal/transfer"
	"github.com/mckinsey/ark-server/internal/transfer/arktable"
)

const aboutImport = `Copy every Ark object of a cluster, of another ark-server, of the database of Ark's own
ark-apiserver or of files into a storage, as it is: with uid, status, creation and deletion times, generation,
finalizers, owners and managed fields.

Of a standalone ark-server, and of files, it takes Namespaces, ConfigMaps and with --secrets Secrets too, and makes
the namespaces that are missing. Without --secrets Secrets are named as left out, and the exit code is 1;
--secrets=false says that this is meant. The storage of a server in a cluster gets Ark's objects only.

  ark-server import --from-kubeconfig=$HOME/.kube/config --db-path=./ark.db
  ark-server import --from-file=./manifests --db-path=./ark.db
  ark-server import --from-dsn-file=./ark-apiserver.dsn --db-path=./ark.db
  ark-server import --from-kubeconfig=... --verify    # compare, write nothing

The file of --from-dsn-file has one line: postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full. The table
resources is read in one read-only transaction, for which the right to SELECT is enough.

Run it as often as you like: it takes what has changed since, deletes what it brought before and is gone from
the cluster, and leaves alone what was changed here. Killed in the middle, it goes on where it was.

PostgreSQL and MySQL may be written while servers run on them. An SQLite file is one process's: stop the server, or
start it with --etcd-listen and import through that:

  ark-server --etcd-listen=unix://$PWD/etcd.sock
  ark-server import --from-kubeconfig=... \
    --storage=etcd --etcd-servers=unix://$PWD/etcd.sock

Moving a cluster from CRDs or from ark-apiserver, and back, is docs/operations/migration.md.`

type importOptions struct {
	kubeconfig, context, file string
	dsnFile                   string
	dryRun, verify            bool
	overwrite, prune          bool
	secrets                   secretsFlag
}

func newImportCommand() *cobra.Command {
	o := newOptions()
	var in importOptions
	own := group("Flags", func(fs *pflag.FlagSet) {
		fs.StringVar(&in.kubeconfig, "from-kubeconfig", "", "`file` that tells the way to the cluster or the ark-server to copy from")
		fs.StringVar(&in.context, "context", "", "`name` of the context in it (default its current one)")
		fs.StringVar(&in.file, "from-file", "", "`file` of YAML documents or JSON objects to copy from, a folder of such, or - for standard input")
		fs.StringVar(&in.dsnFile, "from-dsn-file", "", "`file` that holds the line that says where the PostgreSQL database of Ark's own ark-apiserver is, to copy from its table")
		fs.BoolVar(&in.dryRun, "dry-run", false, "write nothing, and tell what would be done")
		fs.BoolVar(&in.verify, "verify", false, "write nothing, and compare object by object; what differs is an error")
		in.secrets.addTo(fs, "take the Secrets of a standalone server or of files too; =false leaves them out without an error")
		fs.BoolVar(&in.overwrite, "overwrite", false, "take the source's object also where the one here was changed since, or was made here")
		fs.BoolVar(&in.prune, "prune", true, "delete what an earlier import brought and is gone from the cluster; files never delete")
	})
	groups := append([]flagGroup{own, o.keyFlags()}, o.storageFlags()...)
	return withFlags(&cobra.Command{
		Use:   "import --from-kubeconfig=FILE | --from-dsn-file=FILE | --from-file=FILE",
		Short: "Copy Ark objects into a storage as they are: from CRDs, another server, files",
		Long:  aboutImport,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			in.secrets.fs = cmd.Flags()
			if err := o.configure(cmd); err != nil {
				return err
			}
			if err := errors.Join(o.validate(), in.validate()); err != nil {
				return usageError{err}
			}
			return runImport(cmd, o, in)
		},
	}, groups...)
}

func (in importOptions) validate() error {
	switch {
	case in.kubeconfig == "" && in.file == "" && in.dsnFile == "":
		return errors.New("nothing to import: name a cluster with --from-kubeconfig, a database of ark-apiserver with --from-dsn-file, or files with --from-file")
	case in.dsnFile != "" && (in.kubeconfig != "" || in.file != ""):
		return fmt.Errorf("--from-dsn-file=%s: --from-kubeconfig or --from-file is there too: leave one of them out", in.dsnFile)
	case in.kubeconfig != "" && in.file != "":
		return fmt.Errorf("--from-file=%s: --from-kubeconfig is there too: leave one of them out", in.file)
	case in.context != "" && in.kubeconfig == "":
		return fmt.Errorf("--context=%s: is one of --from-kubeconfig, which is missing", in.context)
	case in.dryRun && in.verify:
		return errors.New("--dry-run: --verify writes nothing anyway: leave one of them out")
	}
	return nil
}

// all reports whether the source contains every object, so that an object missing from it was
// deleted.
func (in importOptions) all() bool { return in.file == "" }

// source opens the source of an import. The last result closes it.
func (in importOptions) source(ctx context.Context, cmd *cobra.Command, shown *progress) (transfer.Source, string, func() error, error) {
	nothing := func() error { return nil }
	if in.file != "" {
		flag := "--from-file=" + in.file
		files, err := transfer.OpenFiles(in.file, cmd.InOrStdin())
		if err != nil {
			return nil, flag, nil, fmt.Errorf("%s: %w", flag, err)
		}
		return files, flag, nothing, nil
	}
	if in.dsnFile != "" {
		flag := "--from-dsn-file=" + in.dsnFile
		table, err := openTable(ctx, in.dsnFile, shown)
		if err != nil {
			return nil, flag, nil, fmt.Errorf("%s: %w", flag, err)
		}
		return table, flag, table.Close, nil
	}
	flag := "--from-kubeconfig=" + in.kubeconfig
	kube, err := openKube(ctx, flag, in.kubeconfig, in.context)
	if err != nil {
		return nil, flag, nil, err
	}
	if service := kube.Backend(); service != "" {
		shown.print(fmt.Sprintf("note: in that cluster the Service %s serves the Ark API, not its CRDs", service))
	}
	return kube, flag, nothing, nil
}

// openTable opens the database of Ark's own ark-apiserver. The file contains a password.
func openTable(ctx context.Context, file string, shown *progress) (*arktable.Table, error) {
	if err := privatefile.CheckGiven(file, true); err != nil {
		return nil, err
	}
	return arktable.Open(ctx, arktable.Options{DSNFile: file, Note: func(format string, args ...any) { shown.print(fmt.Sprintf(format, args...)) }})
}

func (in importOptions) access() access {
	switch {
	case in.verify:
		return toRead
	case in.all() && !in.dryRun:
		return toTakeOver
	}
	return toWrite
}

func openKube(ctx context.Context, flag, file, context string) (*transfer.Kube, error) {
	kube, err := transfer.OpenKube(ctx, file, context)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return kube, nil
}

func runImport(cmd *cobra.Command, o *options, in importOptions) (err error) {
	if _, err := setUpLogging(o); err != nil {
		return err
	}
	ctx := cmd.Context()
	shown := newProgress(cmd.ErrOrStderr())
	defer shown.end()
	source, flag, closeSource, err := in.source(ctx, cmd, shown)
	if err != nil {
		return err
	}
	defer closing(&err, closeSource)
	store, closeAll, err := openTransfer(ctx, o, in.access(), in.secrets.take)
	if err != nil {
		return err
	}
	defer closing(&err, closeAll)
	if in.verify {
		summary, err := transfer.Verify(ctx, source, store, in.all(), transfer.ImportOptions{Secrets: in.secrets.take, Reports: reports(shown)})
		shown.end()
		if err != nil {
			err = fmt.Errorf("%s: %w", flag, err)
		}
		return in.secrets.check(summary, finish(cmd.OutOrStdout(), summary, err, "differences: standard error has their paths"))
	}
	summary, err := transfer.Import(ctx, source, store, transfer.ImportOptions{
		DryRun: in.dryRun, Overwrite: in.overwrite, Prune: in.prune && in.all(), Secrets: in.secrets.take, Reports: reports(shown),
	})
	shown.end()
	if err != nil {
		err = fmt.Errorf("%s: %w", flag, err)
	}
	if in.dryRun {
		fmt.Fprintln(cmd.OutOrStdout(), "nothing was written; without --dry-run it would be:")
	}
	return in.secrets.check(summary, finish(cmd.OutOrStdout(), summary, err, "objects were not taken: standard error says why"))
}
