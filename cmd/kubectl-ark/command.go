package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/mckinsey/ark-server/internal/version"
)

const about = `Ask Ark's agents, see and take back changes, search and report.

  kubectl ark query agent/weather "How is the weather in Oslo?"
  kubectl ark chat agent/weather
  kubectl ark history agent/weather
  kubectl ark search rate limit phase:error
  kubectl ark usage --by agent

Connections are kubectl's: --context, --namespace, --kubeconfig and the rest. What you may
see and do is what your roles allow.`

// app is the state that all commands share.
type app struct {
	flags         *genericclioptions.ConfigFlags
	output        string
	allNamespaces bool
	in            io.Reader
	out, err      io.Writer
}

func newCommand(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	a := &app{flags: genericclioptions.NewConfigFlags(true), in: stdin, out: stdout, err: stderr}
	root := &cobra.Command{
		Use: "kubectl-ark", Short: "Ask Ark's agents, see changes, search and report", Long: about,
		SilenceErrors: true, SilenceUsage: true,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl ark"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q: kubectl ark --help lists them", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a.flags.AddFlags(root.PersistentFlags())
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd.Flags().Lookup("output") == nil && regexp.MustCompile(`'o' in -o|--output$`).MatchString(err.Error()) {
			return usage("%s has one form of output, and no -o: %s", cmd.Name(), firstExample(cmd))
		}
		return &failure{err, codeUsage}
	})
	root.AddCommand(
		a.queryCommand(), a.chatCommand(), a.traceCommand(), a.topCommand(), a.doctorCommand(), a.retryCommand(), a.cancelCommand(), a.approveCommand(), a.rejectCommand(),
		a.historyCommand(), a.diffCommand(), a.blameCommand(), a.rollbackCommand(), a.trashCommand(), a.undeleteCommand(),
		a.searchCommand(), a.sqlCommand(), a.reportCommand(), a.usageCommand(), a.treeCommand(), a.versionCommand(),
	)
	return root
}

// exactly checks the number of arguments; what describes them, such as KIND/NAME.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("%s takes %s: %s", cmd.Name(), what, firstExample(cmd))
		}
		return nil
	}
}

// oneObject accepts KIND/NAME, or KIND NAME.
func oneObject(cmd *cobra.Command, args []string) error {
	if len(args) == 1 || len(args) == 2 && !strings.Contains(args[0], "/") {
		return nil
	}
	return usage("%s takes an object: %s", cmd.Name(), firstExample(cmd))
}

func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("%s takes %s: %s", cmd.Name(), what, firstExample(cmd))
		}
		return nil
	}
}

func firstExample(cmd *cobra.Command) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	return line
}

// withOutput adds -o, with the first form as the default.
func (a *app) withOutput(cmd *cobra.Command, forms ...string) *cobra.Command {
	output := forms[0]
	cmd.Flags().StringVarP(&output, "output", "o", forms[0], "how to print: "+strings.Join(forms, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp)) // it fails for flags that are not there
	cmd.PreRunE = func(*cobra.Command, []string) error {
		for _, form := range forms {
			if output == form {
				a.output = output
				return nil
			}
		}
		return usage("--output=%s: use one of %s", output, strings.Join(forms, ", "))
	}
	return cmd
}

func (a *app) withAllNamespaces(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVarP(&a.allNamespaces, "all-namespaces", "A", false, "in all namespaces, as far as you may list there")
	return cmd
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version of this plugin", Args: exactly(0, "no arguments"), RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(a.out, "kubectl-ark "+version.Ark())
		return err
	}}
}
