package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/version"
)

const about = `ark-server serves the Ark API (ark.mckinsey.com): agents, models,
queries, teams, tools and the rest, as kubectl and every Kubernetes client know it.

Started without a command it serves, keeping its data in ./ark.db.`

// newCommand returns the command tree. Both the root command and "serve" run the server.
func newCommand() *cobra.Command {
	o := newOptions()
	serve := func(cmd *cobra.Command, _ []string) error {
		if err := o.configure(cmd); err != nil {
			return err
		}
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
		newDemoCommand(),
		newQueryCommand(),
		newEngineCommand(),
		newHealthCommand(),
		newKubeconfigCommand(),
		newStatusCommand(),
		newDoctorCommand(),
		newConfigCommand(),
		newTokenCommand(),
		newHistoryCommand(),
		newRetentionCommand(),
		newSecretsCommand(),
		newKeysCommand(),
		newCheckCommand(),
		newBackupCommand(),
		newRestoreCommand(),
		newMigrateCommand(),
		newViewsCommand(),
		newImportCommand(),
		newExportCommand(),
		newCRDsCommand(),
		newVersionCommand(),
	)
	// cobra's own version flag is not used: its template makes the linker keep text/template, and
	// every method of every type.
	root.Flags().Bool(versionFlag, false, "version for ark-server")
	root.PersistentPreRunE = beforeRun
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

func newVersionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of ark-server and of the Kubernetes API it serves",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), versionText())
			return err
		},
	}
	return withFlags(cmd)
}

// versionText is what version and --version print.
func versionText() string {
	text := fmt.Sprintf("ark-server %s\nKubernetes %s\n%s %s/%s\n",
		version.Ark(), version.Kubernetes(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if commit := version.Commit(); commit != "" {
		text += fmt.Sprintf("commit %s, %s\n", commit, version.Date())
	}
	return text
}

// versionFlag is the name of the flag that prints the same text as the command version.
const versionFlag = "version"

// beforeRun prints the version or the complete help if a flag asks for it. It then looks for
// mistyped names in the environment, for commands that read settings from there.
func beforeRun(cmd *cobra.Command, _ []string) error {
	if cmd.Flags().Lookup(helpAll) == nil {
		return nil
	}
	if asked, err := cmd.Flags().GetBool(versionFlag); err == nil && asked {
		_, err := fmt.Fprint(cmd.OutOrStdout(), versionText())
		return errors.Join(err, errHelpPrinted)
	}
	if all, err := cmd.Flags().GetBool(helpAll); err == nil && all {
		return errors.Join(cmd.Help(), errHelpPrinted)
	}
	warnings, err := checkVariables(cmd.Root(), os.Environ())
	for _, w := range warnings {
		printWarning(cmd.ErrOrStderr(), w, cmd)
	}
	return err
}
