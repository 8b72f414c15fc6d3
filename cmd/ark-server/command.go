package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/version"
)

const about = `ark-server serves the Ark API (ark.mckinsey.com): agents, models, queries, teams,
tools and the rest, as kubectl and every Kubernetes client know it.

Started without a command it serves, keeping its data in ./ark.db.`

// newCommand returns the command tree. Serving is both the root and "serve".
func newCommand() *cobra.Command {
	o := newOptions()
	serve := func(cmd *cobra.Command, _ []string) error {
		if err := fromEnvironment(cmd.Flags()); err != nil {
			return err
		}
		o.applyModeDefaults(cmd.Flags())
		if err := o.validate(); err != nil {
			return usageError{err}
		}
		return serve(cmd.Context(), o, cmd.OutOrStdout())
	}
	root := &cobra.Command{
		Use:           "ark-server",
		Short:         "Serve the Ark API",
		Long:          about,
		Args:          cobra.NoArgs,
		RunE:          serve,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	groups := o.flagGroups()
	withFlags(root, groups...).AddCommand(
		withFlags(&cobra.Command{Use: "serve", Short: "Serve the Ark API (the default)", Long: about, Args: cobra.NoArgs, RunE: serve}, groups...),
		newHealthCommand(),
		newKubeconfigCommand(),
		newBackupCommand(),
		newRestoreCommand(),
		newMigrateCommand(),
		newImportCommand(),
		newExportCommand(),
		newCRDsCommand(),
		newVersionCommand(),
	)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

func newVersionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of ark-server and of the Kubernetes API it serves",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "ark-server %s\nKubernetes %s\n%s %s/%s\n",
				version.Ark(), version.Kubernetes(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if commit := version.Commit(); commit != "" {
				fmt.Fprintf(out, "commit %s, %s\n", commit, version.Date())
			}
			return nil
		},
	}
	cmd.SetHelpFunc(helpWith(nil))
	return cmd
}

// helpWith prints a command's help with its flags in groups.
func helpWith(groups []flagGroup) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, _ []string) {
		out := cmd.OutOrStdout()
		text := cmd.Long
		if text == "" {
			text = cmd.Short
		}
		fmt.Fprintf(out, "%s\n\nUsage:\n  %s\n", text, cmd.UseLine())
		if cmd.HasAvailableSubCommands() {
			fmt.Fprintf(out, "\nCommands:\n")
			for _, sub := range cmd.Commands() {
				if sub.IsAvailableCommand() {
					fmt.Fprintf(out, "  %-12s%s\n", sub.Name(), sub.Short)
				}
			}
		}
		for _, group := range groups {
			fmt.Fprintf(out, "\n%s:\n%s", group.name, group.flags.FlagUsagesWrapped(100))
		}
		if len(groups) > 0 {
			fmt.Fprintf(out, "\nEvery flag can be set in the environment too: --db-path as ARK_DB_PATH.\n")
		}
	}
}
