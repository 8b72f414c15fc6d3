package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
  ark-server query agent/guide "What is in this?" -f notes.txt --stream
  ark-server query team/newsroom "What is new?" -n reports -o json

It fails if the Query does. Somebody has to execute it: the server itself, or with
--engine=external Ark's controller.`

// asking holds the flags of a question.
type asking struct {
	question ask.Question
	file     string
	stream   bool
	output   string
}

func newQueryCommand() *cobra.Command {
	o := newOptions()
	a := asking{question: ask.Question{Namespace: "default"}, output: "text"}
	flags := group("Flags", func(fs *pflag.FlagSet) {
		fs.StringVarP(&a.question.Namespace, "namespace", "n", a.question.Namespace, "`namespace` of whom to ask")
		fs.StringVarP(&a.file, "file", "f", "", "ask what is in a `file`, - for the standard input; after TEXT, if there is one")
		fs.BoolVar(&a.stream, "stream", false, "print the answer while it is given, with what each agent of a team says; not with -o json")
		fs.StringVarP(&a.output, "output", "o", a.output, "`text|json`: the answer, or the Query with everything in it")
		fs.DurationVar(&a.question.Timeout, "timeout", 0, "how long the answer may take, once while it waits and once while it runs; 0 for what the server says")
	})
	return withFlags(&cobra.Command{
		Use:   "query TARGET [TEXT]",
		Short: "Ask an agent, a team, a model or a tool, and print the answer",
		Long:  aboutQuery,
		Args:  cobra.ArbitraryArgs, // the number is checked below: --help-all needs no argument
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.read(args, cmd.InOrStdin()); err != nil {
				return err
			}
			if err := o.locate(cmd); err != nil {
				return err
			}
			return runQuery(cmd, o, a)
		},
	}, flags, o.locationFlags())
}

// read reads the question from the arguments and the file.
func (a *asking) read(args []string, stdin io.Reader) (err error) {
	if len(args) == 0 || len(args) > 2 || len(args) == 1 && a.file == "" {
		return usageError{errors.New(`query: say whom and what, such as: ark-server query agent/guide "How are you?"`)}
	}
	if a.question.Target, err = ask.ParseTarget(args[0]); err != nil {
		return usageError{err}
	}
	if err := checkValue("output", a.output, "text", "json"); err != nil {
		return usageError{err}
	}
	if a.stream && a.output == "json" {
		return usageError{errors.New("--stream is without effect with -o json: leave one of them out")}
	}
	if a.question.Timeout < 0 {
		return usageError{fmt.Errorf("--timeout=%s: use a duration such as 5m, or 0", a.question.Timeout)}
	}
	if len(args) == 2 {
		a.question.Text = args[1]
	}
	a.question.Text, err = ask.ReadText(a.question.Text, a.file, stdin)
	if err != nil {
		return fmt.Errorf("--file=%w", err)
	}
	return nil
}

func runQuery(cmd *cobra.Command, o *options, a asking) error {
	client, err := o.adminClient()
	if err != nil {
		return err
	}
	query, err := ask.Ask(cmd.Context(), client, a.question)
	if err != nil {
		return err
	}
	if a.stream {
		query, err = ask.Listen(cmd.Context(), client, query, cmd.OutOrStdout())
	} else {
		query, err = ask.Wait(cmd.Context(), client, query)
	}
	if err != nil {
		if errors.Is(err, context.Canceled) {
			fmt.Fprintf(cmd.ErrOrStderr(), "The query %s goes on.\n", query.Name)
		}
		return err
	}
	answer, failed := ask.Answer(query)
	if a.output == "json" {
		text, err := json.MarshalIndent(query, "", "  ")
		if err != nil {
			return fmt.Errorf("print the query: %w", err)
		}
		answer = string(text)
	}
	if !a.stream && (failed == nil || a.output == "json") {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(answer, "\n")); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
	}
	return failed
}

// adminClient returns a client with the admin's credentials, from the kubeconfig that the server
// has written.
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
