package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

const aboutQuery = `Ask an agent, a team, a model or a tool of a standalone server on this machine, and print the
answer. The question is a Query, which stays as long as its ttl says.

  ark-server query agent/guide "How is the weather in Oslo?"
  ark-server query team/newsroom "What is new?" -n reports -o json

It fails if the Query does. Somebody has to execute it: start the server with
--engine=embedded, or run Ark's controller.`

func newQueryCommand() *cobra.Command {
	o := newOptions()
	question, output := ask.Question{Namespace: "default"}, "text"
	flags := group("Flags", func(fs *pflag.FlagSet) {
		fs.StringVarP(&question.Namespace, "namespace", "n", question.Namespace, "`namespace` of whom to ask")
		fs.StringVarP(&output, "output", "o", output, "`text|json`: the answer, or the Query with everything in it")
		fs.DurationVar(&question.Timeout, "timeout", 0, "how long the answer may take, once while it waits and once while it runs; 0 for what the server says")
	})
	return withFlags(&cobra.Command{
		Use:   "query TARGET TEXT",
		Short: "Ask an agent, a team, a model or a tool, and print the answer",
		Long:  aboutQuery,
		Args:  cobra.ArbitraryArgs, // how many is said below: --help-all needs none
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{errors.New(`query: say whom and what, such as: ark-server query agent/guide "How are you?"`)}
			}
			var err error
			if question.Target, err = ask.ParseTarget(args[0]); err != nil {
				return usageError{err}
			}
			if err := checkValue("output", output, "text", "json"); err != nil {
				return usageError{err}
			}
			if question.Timeout < 0 {
				return usageError{fmt.Errorf("--timeout=%s: use a duration such as 5m, or 0", question.Timeout)}
			}
			question.Text = args[1]
			if err := o.locate(cmd); err != nil {
				return err
			}
			return runQuery(cmd, o, question, output)
		},
	}, flags, o.locationFlags())
}

func runQuery(cmd *cobra.Command, o *options, question ask.Question, output string) error {
	client, err := o.adminClient()
	if err != nil {
		return err
	}
	query, err := ask.Ask(cmd.Context(), client, question)
	if err != nil {
		if query != nil && errors.Is(err, context.Canceled) {
			fmt.Fprintf(cmd.ErrOrStderr(), "The query %s goes on.\n", query.Name)
		}
		return err
	}
	answer, failed := ask.Answer(query)
	if output == "json" {
		text, err := json.MarshalIndent(query, "", "  ")
		if err != nil {
			return fmt.Errorf("print the query: %w", err)
		}
		answer = string(text)
	}
	if failed == nil || output == "json" {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(answer, "\n")); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
	}
	return failed
}

// adminClient returns a client of the server's admin, by the kubeconfig that the server has written.
func (o *options) adminClient() (*objects.Client, error) {
	if o.mode != modeStandalone {
		return nil, usageError{fmt.Errorf("--mode=%s: use kubectl with the cluster's kubeconfig", o.mode)}
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: o.kubeconfig()}, &clientcmd.ConfigOverrides{CurrentContext: o.serverName()},
	).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the server's kubeconfig: %w: start the server first, or name its --data-dir, --db-path or --kubeconfig-out", err)
	}

	config.QPS, config.UserAgent = -1, "ark-server-query"
	return objects.New(config)
}
