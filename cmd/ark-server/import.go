package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/transfer"
)

const aboutImport = `Copy every Ark object of a cluster, of another ark-server or of files into a storage, as it is: with uid,
status, creation and deletion times, generation, finalizers, owners and managed fields.

Of a standalone ark-server, and of files, it takes Namespaces, ConfigMaps and with --secrets Secrets too, and makes
the namespaces that are missing. Without --secrets Secrets are named as left out, and the exit code is 1;
--secrets=false says that this is meant. The storage of a server in a cluster gets Ark's objects only.

  ark-server import --from-kubeconfig=$HOME/.kube/config --db-path=./ark.db
  ark-server import --from-file=./manifests --db-path=./ark.db
  ark-server import --from-kubeconfig=... --verify    # compare, write nothing

Run it as often as you like: it takes what has changed since, deletes what it brought before and is gone from
the cluster, and leaves alone what was changed here. Killed in the middle, it goes on where it was.

PostgreSQL and MySQL may be written while servers run on them. An SQLite file is one process's: stop the server, or
start it with --etcd-listen and import through that:

  ark-server --etcd-listen=unix://$PWD/etcd.sock
  ark-server import --from-kubeconfig=... \
    --storage=etcd --etcd-servers=unix://$PWD/etcd.sock

Moving a cluster from CRDs and back is docs/operations/migration.md.`

type importOptions struct {
	kubeconfig, context, file string
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
		fs.BoolVar(&in.dryRun, "dry-run", false, "write nothing, and tell what would be done")
		fs.BoolVar(&in.verify, "verify", false, "write nothing, and compare object by object; what differs is an error")
		in.secrets.addTo(fs, "take the Secrets of a standalone server or of files too; =false leaves them out without an error")
		fs.BoolVar(&in.overwrite, "overwrite", false, "take the source's object also where the one here was changed since, or was made here")
		fs.BoolVar(&in.prune, "prune", true, "delete what an earlier import brought and is gone from the cluster; files never delete")
	})
	groups := append([]flagGroup{own, o.keyFlags()}, o.storageFlags()...)
	return withFlags(&cobra.Command{
		Use:   "import --from-kubeconfig=FILE | --from-file=FILE",
		Short: "Copy Ark objects into a storage as they are: from CRDs, another ark-server, files",
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
	case in.kubeconfig == "" && in.file == "":
		return errors.New("nothing to import: name a cluster with --from-kubeconfig, or files with --from-file")
	case in.kubeconfig != "" && in.file != "":
		return fmt.Errorf("--from-file=%s: --from-kubeconfig is there too: leave one of them out", in.file)
	case in.context != "" && in.kubeconfig == "":
		return fmt.Errorf("--context=%s: is one of --from-kubeconfig, which is missing", in.context)
	case in.dryRun && in.verify:
		return errors.New("--dry-run: --verify writes nothing anyway: leave one of them out")
	}
	return nil
}

// source opens what is imported from.
func (in importOptions) source(ctx context.Context, cmd *cobra.Command) (transfer.Source, string, error) {
	if in.file != "" {
		flag := "--from-file=" + in.file
		files, err := transfer.OpenFiles(in.file, cmd.InOrStdin())
		if err != nil {
			return nil, flag, fmt.Errorf("%s: %w", flag, err)
		}
		return files, flag, nil
	}
	flag := "--from-kubeconfig=" + in.kubeconfig
	kube, err := openKube(ctx, flag, in.kubeconfig, in.context)
	if err != nil {
		return nil, flag, err
	}
	if service := kube.Backend(); service != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: in that cluster the Service %s serves the Ark API, not its CRDs\n", service)
	}
	return kube, flag, nil
}

func (in importOptions) access() access {
	switch {
	case in.verify:
		return toRead
	case in.kubeconfig != "" && !in.dryRun:
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
	source, flag, err := in.source(ctx, cmd)
	if err != nil {
		return err
	}
	store, closeAll, err := openTransfer(ctx, o, in.access(), in.secrets.take)
	if err != nil {
		return err
	}
	defer closing(&err, closeAll)
	shown := newProgress(cmd.ErrOrStderr())
	defer shown.end()
	if in.verify {
		summary, err := transfer.Verify(ctx, source, store, in.kubeconfig != "", transfer.ImportOptions{Secrets: in.secrets.take, Reports: reports(shown)})
		shown.end()
		if err != nil {
			err = fmt.Errorf("%s: %w", flag, err)
		}
		return in.secrets.check(summary, finish(cmd.OutOrStdout(), summary, err, "differences: standard error has their paths"))
	}
	summary, err := transfer.Import(ctx, source, store, transfer.ImportOptions{
		DryRun: in.dryRun, Overwrite: in.overwrite, Prune: in.prune && in.kubeconfig != "", Secrets: in.secrets.take, Reports: reports(shown),
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
