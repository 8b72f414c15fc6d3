package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/transfer"
)

const aboutExport = `Copy every Ark object of a storage into a file, or to a cluster. Both also get what a
standalone server keeps besides them: Namespaces, ConfigMaps, and with --secrets the Secrets.

  ark-server export --to-file=./ark.yaml --db-path=./ark.db
  ark-server export --to-kubeconfig=$HOME/.kube/config --db-path=./ark.db
  ark-server export --to-kubeconfig=... --verify      # compare, write nothing

Without --secrets Secrets are named as left out, and the exit code is 1; --secrets=false says that this is
meant, and the exit code is 0. The rest is complete in both cases.

The file may also be .ndjson, or - for standard output. A file has everything but the resourceVersions, and may hold secrets: only its owner can read it. import takes it.

A cluster is brought to the state of the storage through its API, which is the way back to CRDs: what was imported
from there is updated or deleted, what was made since is created, with a new uid and creation time, for
the API sets those itself. Namespaces that are missing there are created. Of its own Namespaces, ConfigMaps and
Secrets it changes only what an earlier export made and nobody has changed since. docs/operations/migration.md has the steps and all that the API does not keep.

PostgreSQL and MySQL may be read while servers run on them. For SQLite stop the server, or go through its
--etcd-listen=unix://$PWD/etcd.sock with --storage=etcd --etcd-servers=unix://$PWD/etcd.sock`

type exportOptions struct {
	file, format        string
	kubeconfig, context string
	dryRun, verify      bool
	secrets             secretsFlag
}

func newExportCommand() *cobra.Command {
	o := newOptions()
	var out exportOptions
	own := group("Flags", func(fs *pflag.FlagSet) {
		fs.StringVar(&out.file, "to-file", "", "`file` to write, which must not exist yet, or - for standard output")
		fs.StringVar(&out.format, "format", "", "`yaml|ndjson` (default by the file's extension, and ndjson for standard output)")
		fs.StringVar(&out.kubeconfig, "to-kubeconfig", "", "`file` that tells the way to the cluster to write to")
		fs.StringVar(&out.context, "context", "", "`name` of the context in it (default its current one)")
		fs.BoolVar(&out.dryRun, "dry-run", false, "write nothing to the cluster, and tell what would be done")
		out.secrets.addTo(fs, "write the Secrets of a standalone server too; =false leaves them out without an error")
		fs.BoolVar(&out.verify, "verify", false, "write nothing to the cluster, and compare object by object; what differs is an error")
	})
	groups := append([]flagGroup{own, o.keyFlags()}, o.storageFlags()...)
	return withFlags(&cobra.Command{
		Use:   "export --to-file=FILE | --to-kubeconfig=FILE",
		Short: "Copy the Ark objects of a storage into a file, or back to a cluster's CRDs",
		Long:  aboutExport,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out.secrets.fs = cmd.Flags()
			if err := o.configure(cmd); err != nil {
				return err
			}
			if err := errors.Join(o.validate(), out.validate()); err != nil {
				return usageError{err}
			}
			return runExport(cmd, o, out)
		},
	}, groups...)
}

var formats = []string{string(transfer.YAML), string(transfer.NDJSON)}

func (out exportOptions) validate() error {
	switch {
	case out.kubeconfig == "" && out.file == "":
		return errors.New("nowhere to export to: name a file with --to-file, or a cluster with --to-kubeconfig")
	case out.kubeconfig != "" && out.file != "":
		return fmt.Errorf("--to-file=%s: --to-kubeconfig is there too: leave one of them out", out.file)
	case out.format != "" && checkValue("format", out.format, formats...) != nil:
		return checkValue("format", out.format, formats...)
	case out.format != "" && out.file == "":
		return fmt.Errorf("--format=%s: is for --to-file", out.format)
	case out.file != "" && out.fileFormat() == "":
		return fmt.Errorf("--to-file=%s: its name ends in neither .yaml nor .ndjson: say which it shall be with --format", out.file)
	case out.file != "" && (out.dryRun || out.verify):
		return fmt.Errorf("--to-file=%s: --dry-run and --verify are for --to-kubeconfig: leave them out", out.file)
	case out.context != "" && out.kubeconfig == "":
		return fmt.Errorf("--context=%s: is one of --to-kubeconfig, which is missing", out.context)
	case out.dryRun && out.verify:
		return errors.New("--dry-run: --verify writes nothing anyway: leave one of them out")
	}
	return nil
}

func (out exportOptions) fileFormat() transfer.Format {
	switch {
	case out.format != "":
		return transfer.Format(out.format)
	case out.file == "-":
		return transfer.NDJSON
	}
	return transfer.FormatOf(out.file)
}

func runExport(cmd *cobra.Command, o *options, out exportOptions) (err error) {
	if _, err := setUpLogging(o); err != nil {
		return err
	}
	ctx := cmd.Context()
	var kube *transfer.Kube
	flag := "--to-file=" + out.file
	if out.file == "" {
		flag = "--to-kubeconfig=" + out.kubeconfig
		if kube, err = openKube(ctx, flag, out.kubeconfig, out.context); err != nil {
			return err
		}
	}
	store, closeAll, err := openTransfer(ctx, o, toRead, out.secrets.take)
	if err != nil {
		return err
	}
	defer closing(&err, closeAll)
	shown := newProgress(cmd.ErrOrStderr())
	var summary *transfer.Summary
	table := cmd.OutOrStdout()
	hint := "objects were not brought there: standard error says why"
	if out.file != "" {
		summary, err = transfer.WriteFile(ctx, store, out.file, out.fileFormat(), cmd.OutOrStdout(), transfer.WriteOptions{Secrets: out.secrets.take, Reports: reports(shown)})
		if out.file == "-" {
			table = io.Writer(cmd.ErrOrStderr())
		}
	} else {
		summary, err = transfer.Export(ctx, store, kube, transfer.ExportOptions{DryRun: out.dryRun, Verify: out.verify, Secrets: out.secrets.take, Reports: reports(shown)})
		if out.verify {
			hint = "differences: standard error has their paths"
		}
		if out.dryRun {
			fmt.Fprintln(table, "nothing was written; without --dry-run it would be:")
		}
	}
	shown.end()
	if err != nil {
		err = fmt.Errorf("%s: %w", flag, err)
	}
	return out.secrets.check(summary, finish(table, summary, err, hint))
}
