package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) } //nolint:gosec // descriptors are small

func (a *app) queryCommand() *cobra.Command {
	var file string
	var timeout time.Duration
	var stream bool
	cmd := &cobra.Command{
		Use: "query TARGET [TEXT]", Short: "Ask an agent, a team, a model or a tool, and print the answer",
		Long: `Ask an agent, a team, a model or a tool, and print the answer. The question is a Query, which stays as long
as its ttl says. --stream prints the answer while it is given, where the server offers that.`,
		Example: `kubectl ark query agent/weather "How is the weather in Oslo?"
kubectl ark query team/newsroom "What is new?" -o yaml
cat notes.txt | kubectl ark query agent/editor "Correct this:" -f -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := ask.Question{Timeout: timeout}
			var err error
			if q.Target, err = ask.ParseTarget(args[0]); err != nil {
				return &failure{err, codeUsage}
			}
			if q.Namespace, err = a.namespace(); err != nil {
				return err
			}
			if q.Text, err = ask.ReadText(strings.Join(args[1:], " "), file, a.in); err != nil {
				return err
			}
			return a.ask(cmd.Context(), q, stream)
		},
	}
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 || len(args) > 2 || len(args) == 1 && file == "" {
			return usage("query takes whom and what to ask: %s", firstExample(cmd))
		}
		return nil
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "ask what is in a `file`, - for the standard input; after TEXT, if there is one")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long the answer may take; 0 for what the server says")
	cmd.Flags().BoolVar(&stream, "stream", false, "print the answer while it is given")
	cmd.ValidArgsFunction = a.completeObjects("agents", "teams", "models", "tools")
	return a.withOutput(cmd, "text", "json", "yaml", "name")
}

// ask creates a Query, waits for its end, and prints the answer.
func (a *app) ask(ctx context.Context, question ask.Question, stream bool) error {
	client, err := a.objects()
	if err != nil {
		return err
	}
	query, err := ask.Ask(ctx, client, question)
	if err != nil {
		return err
	}
	waiting := ctx
	if question.Timeout > 0 { // it counts once while the query waits, and once while it runs
		var stop context.CancelFunc
		waiting, stop = context.WithTimeout(ctx, 2*question.Timeout+10*time.Second)
		defer stop()
	}
	stream = stream && a.output == "text"
	if stream {
		query, err = ask.Listen(waiting, client, query, a.said())
	} else {
		query, err = wait(waiting, client, query, "")
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure{fmt.Errorf("interrupted: the query %s goes on; kubectl ark cancel %s ends it", query.Name, query.Name), codeInterrupted}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{fmt.Errorf("no answer in time: the query %s goes on", query.Name), codeTimeout}
	case err != nil:
		return err
	}
	return a.answer(query, stream)
}

// answer prints a Query that has ended or that waits for a person's decision.
func (a *app) answer(query *v1alpha1.Query, said bool) error {
	text, failed := ask.Answer(query)
	waits := taskOf(query) != ""
	if waits {
		failed = fmt.Errorf("the query %[1]s waits until a person approves what it wants to do: see kubectl get a2atasks -o yaml, then kubectl ark approve %[1]s, or reject", query.Name)
	}
	var err error
	switch {
	case a.output == "name":
		text = "query/" + query.Name
	case a.output == "json":
		var out []byte
		out, err = json.MarshalIndent(query, "", "    ")
		text = string(out)
	case a.output == "yaml":
		var out []byte
		out, err = yaml.Marshal(query)
		text = string(out)
	case said || failed != nil:
		text = ""
	}
	if err != nil {
		return fmt.Errorf("print the query: %w", err)
	}
	if text != "" || !said && failed == nil {
		if _, err := fmt.Fprintln(a.said(), strings.TrimRight(text, "\n")); err != nil {
			return err
		}
	}
	if failed == nil {
		return nil
	}
	code := codeQueryFailed
	switch {
	case waits:
		code = codeInput
	case strings.Contains(failed.Error(), "timed out"):
		code = codeTimeout
	}
	return &failure{failed, code}
}

// inNamespace returns a client, and the namespace of the command.
func (a *app) inNamespace() (*objects.Client, string, error) {
	client, err := a.objects()
	if err != nil {
		return nil, "", err
	}
	namespace, err := a.namespace()
	return client, namespace, err
}

// stored returns a Query by its name, and a client.
func (a *app) stored(ctx context.Context, name string) (*objects.Client, *v1alpha1.Query, error) {
	client, namespace, err := a.inNamespace()
	if err != nil {
		return nil, nil, err
	}
	q := &v1alpha1.Query{}
	return client, q, client.Get(ctx, "queries", namespace, strings.TrimPrefix(name, "query/"), q)
}

func (a *app) retryCommand() *cobra.Command {
	var asOf string
	cmd := a.withOutput(&cobra.Command{
		Use: "retry QUERY", Short: "Ask the question of a query again, in a new query",
		Long: `Ask the question of a query again, in a new query. With --as-of the question is what the query was then, also if it was changed
or deleted since; agents, models and tools are those that there are now.`,
		Example: `kubectl ark retry morning-report
kubectl ark retry morning-report --as-of=4711`,
		Args: exactly(1, "the name of a query"), ValidArgsFunction: a.completeNames("queries"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, old, err := a.storedAsOf(cmd.Context(), args[0], asOf)
			if err != nil {
				return err
			}
			query := &v1alpha1.Query{Spec: *old.Spec.DeepCopy()}
			query.APIVersion, query.Kind = v1alpha1.SchemeGroupVersion.String(), "Query"
			query.Namespace, query.Labels = old.Namespace, old.Labels
			query.GenerateName = strings.TrimRight(old.Name[:min(len(old.Name), 200)], "-.") + "-again-"
			query.Spec.Cancel = nil
			if err := client.Create(cmd.Context(), "queries", query); err != nil {
				return err
			}
			if query, err = wait(cmd.Context(), client, query, ""); err != nil {
				return err
			}
			return a.answer(query, false)
		},
	}, "text", "json", "yaml", "name")
	cmd.Flags().StringVar(&asOf, "as-of", "", "the `revision`, or a time such as 2026-11-30T12:00:00Z, of the question")
	return cmd
}

// storedAsOf is stored for the state of a query at a revision or a time; "" is the current state.
func (a *app) storedAsOf(ctx context.Context, name, asOf string) (*objects.Client, *v1alpha1.Query, error) {
	if asOf == "" {
		return a.stored(ctx, name)
	}
	client, namespace, err := a.inNamespace()
	if err != nil {
		return nil, nil, err
	}
	path := "/apis/" + v1alpha1.SchemeGroupVersion.String() + "/namespaces/" + namespace + "/queries/" + strings.TrimPrefix(name, "query/")
	text, err := a.send(ctx, request{path: path, accept: "application/json", parameters: map[string]string{"asOf": asOf}})
	if err != nil {
		return nil, nil, err
	}
	q := &v1alpha1.Query{}
	return client, q, json.Unmarshal(text, q)
}

func (a *app) cancelCommand() *cobra.Command {
	return a.withOutput(&cobra.Command{
		Use: "cancel QUERY...", Short: "Stop queries that wait or run",
		Example: "kubectl ark cancel morning-report",
		Args:    atLeastOne("names of queries"), ValidArgsFunction: a.completeNames("queries"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var failed []error
			for i, arg := range args {
				o, err := a.find([]string{"query/" + strings.TrimPrefix(arg, "query/")})
				var answer []byte
				if err == nil {
					answer, err = a.patch(cmd.Context(), o.path, map[string]any{"spec": map[string]any{"cancel": true}})
				}
				if err != nil {
					failed = append(failed, err)
					continue
				}
				if a.output == "yaml" && i > 0 {
					fmt.Fprintln(a.out, "---")
				}
				if err := a.done(answer, "query/"+o.name, "canceled"); err != nil {
					return err
				}
			}
			return errors.Join(failed...)
		},
	}, acted...)
}

// patch merges a change into an object, and returns the changed object.
func (a *app) patch(ctx context.Context, path string, change any) ([]byte, error) {
	return a.send(ctx, request{method: http.MethodPatch, path: path, accept: "application/json", body: change})
}
