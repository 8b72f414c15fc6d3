package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// taskOf returns the ID of the task in which a Query waits for a person's decision, or "" if it
// does not wait for one.
func taskOf(q *v1alpha1.Query) string {
	if s := q.Status; s != nil && s.Phase != nil && *s.Phase == v1alpha1.QueryInputRequired && s.Response != nil && s.Response.A2A != nil && s.Response.A2A.TaskID != nil {
		return *s.Response.A2A.TaskID
	}
	return ""
}

// wait returns a Query when it has ended, or when it waits for a decision on a task other than
// decided.
func wait(ctx context.Context, client *objects.Client, q *v1alpha1.Query, decided string) (*v1alpha1.Query, error) {
	for !ask.Ended(q) && (taskOf(q) == "" || taskOf(q) == decided) {
		next, err := ask.Next(ctx, client, q)
		if err != nil {
			return q, err
		}
		q = next
	}
	return q, nil
}

func (a *app) approveCommand() *cobra.Command {
	return a.decideCommand("approve", "approved", "Approve what a query wants to do, and print its answer")
}

func (a *app) rejectCommand() *cobra.Command {
	return a.decideCommand("reject", "rejected", "Refuse what a query wants to do, and print its answer without that")
}

// decideCommand returns a command that writes a decision into the task that a Query waits for.
func (a *app) decideCommand(name, decision, short string) *cobra.Command {
	return a.withOutput(&cobra.Command{
		Use: name + " QUERY", Short: short,
		Long:    short + ".\nkubectl get a2atasks -o yaml shows which calls of tools it waits for. You need the right to patch A2ATasks.",
		Example: "kubectl ark " + name + " monthly-payment",
		Args:    exactly(1, "the name of a query"), ValidArgsFunction: a.completeNames("queries"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, q, err := a.stored(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			task := taskOf(q)
			if task == "" {
				return fmt.Errorf("the query %s waits for no decision", q.Name)
			}
			if err := a.write(cmd.Context(), task, decision); err != nil {
				return err
			}
			if q, err = wait(cmd.Context(), client, q, task); err != nil {
				return err
			}
			return a.answer(q, false)
		},
	}, "text", "json", "yaml", "name")
}

// write writes a decision into a task.
func (a *app) write(ctx context.Context, task, decision string) error {
	input, err := json.Marshal(map[string]string{"decision": decision})
	if err != nil {
		return err
	}
	o, err := a.find([]string{"a2atask/a2a-task-" + task})
	if err != nil {
		return err
	}
	_, err = a.patch(ctx, o.path, map[string]any{"spec": map[string]any{"input": string(input)}})
	return err
}
