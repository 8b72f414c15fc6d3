package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
)

// saidMessage is a message of a conversation, in the format of the OpenAI API.
type saidMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// conversation is a chat with one target.
type conversation struct {
	*app
	target    v1alpha1.QueryTarget
	namespace string
	// id is the ID of the conversation and of the session of all its Queries.
	id string
	// kept is true if the namespace has a Memory, which adds the earlier messages. Otherwise each
	// question contains all of them.
	kept     bool
	messages []saidMessage
	lines    lineReader
	// interrupts receives a value for each Ctrl-C, except while a line is typed.
	interrupts chan os.Signal
}

func (a *app) chatCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use: "chat TARGET", Short: "Talk with an agent, a team or a model",
		Long: `Talk with an agent, a team or a model: each line is a question, whose answer is printed while it is given, with
the tools that are called. What needs an approval is asked for. Ctrl-C stops an answer, Ctrl-D ends the conversation.

Each question is a Query of one conversation and one session. You need the right to create agents/proxy (teams/proxy,
models/proxy), and for approvals to patch a2atasks. --conversation goes on with an earlier one.`,
		Example: `kubectl ark chat agent/weather
kubectl ark chat team/newsroom --conversation=chat-4XW2
printf 'How is it in Oslo?\nAnd in Rome?\n' | kubectl ark chat agent/weather`,
		Args: exactly(1, "whom to talk with"),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := ask.ParseTarget(args[0])
			if err != nil {
				return &failure{err, codeUsage}
			}
			if target.Type == v1alpha1.QueryTargetTool {
				return usage("a tool does not talk: kubectl ark query %s asks it once", args[0])
			}
			c := &conversation{app: a, target: target, id: id, lines: a.lineReader(), interrupts: make(chan os.Signal, 1)}
			if c.namespace, err = a.namespace(); err != nil {
				return err
			}
			if !c.lines.terminal() {
				return c.talk(cmd.Context())
			}
			signal.Notify(c.interrupts, os.Interrupt)
			defer signal.Stop(c.interrupts)
			// Ctrl-C stops an answer, not the command; SIGTERM ends the command.
			ctx, stop := signal.NotifyContext(context.WithoutCancel(cmd.Context()), syscall.SIGTERM)
			defer stop()
			return c.talk(ctx)
		},
	}
	cmd.Flags().StringVar(&id, "conversation", "", "go on with the conversation that has this `id`")
	cmd.ValidArgsFunction = a.completeObjects("agents", "teams", "models")
	return cmd
}

// talk asks one question per line. An error of a Query ends it only if the input is not a terminal.
func (c *conversation) talk(ctx context.Context) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		line, err := c.lines.read(ctx, c.colour(bold, "> "))
		switch {
		case errors.Is(err, errInterrupted) && ctx.Err() == nil:
			fmt.Fprintln(c.err, "Ctrl-D ends the conversation.")
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if strings.TrimSpace(line) == "" {
			continue
		}
		err = c.turn(ctx, line)
		var failed *failure
		switch {
		case err == nil:
		case c.lines.terminal() && (!errors.As(err, &failed) || failed.code != codeInput):
			fmt.Fprintln(c.err, c.colour(red, "error: ")+harmless(readable(err)))
		default:
			return err
		}
	}
	return &failure{errors.New("ended"), codeInterrupted}
}

// begin finds out whether a Memory keeps the conversation, and what was said in it before.
func (c *conversation) begin(ctx context.Context) error {
	earlier := c.id != ""
	if !earlier {
		c.id = "chat-" + rand.Text()[:16]
	}
	client, err := c.objects()
	if err != nil {
		return err
	}
	err = client.Get(ctx, "memories", c.namespace, "default", &v1alpha1.Memory{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return err
	}
	c.kept = err == nil
	if earlier {
		if err := c.recall(ctx); err != nil {
			return err
		}
	}
	if c.lines.terminal() {
		fmt.Fprintf(c.err, "%s\n", c.colour(dim, fmt.Sprintf("%s/%s, conversation %s. Ctrl-C stops an answer, Ctrl-D ends.", c.target.Type, c.target.Name, c.id)))
	}
	return nil
}

// recall reads the newest questions and answers of the conversation, and prints them.
func (c *conversation) recall(ctx context.Context) error {
	where, err := c.records("sqlqueries")
	if err != nil {
		return err
	}
	text, err := c.send(ctx, request{method: "POST", path: where, accept: "application/json", body: map[string]any{"spec": map[string]any{
		"query":      "SELECT input, output FROM queries WHERE conversation_id = :id AND phase = 'done' ORDER BY created_at DESC, name LIMIT 50",
		"parameters": map[string]any{"id": c.id},
	}}})
	if err != nil {
		return fmt.Errorf("read the conversation %s: %w", c.id, err)
	}
	var found struct{ Status struct{ Rows [][]*string } }
	if err := json.Unmarshal(text, &found); err != nil {
		return fmt.Errorf("read the conversation %s: %w", c.id, err)
	}
	rows := found.Status.Rows
	if len(rows) == 0 {
		return fmt.Errorf("no query that you may list has the conversation %s", c.id)
	}
	for i := len(rows) - 1; i >= 0; i-- {
		if len(rows[i]) != 2 || rows[i][0] == nil || rows[i][1] == nil {
			continue
		}
		c.messages = append(c.messages, saidMessage{"user", *rows[i][0]}, saidMessage{"assistant", *rows[i][1]})
		if _, err := fmt.Fprintf(c.out, "%s%s\n%s\n", c.colour(bold, "> "), harmless(*rows[i][0]), harmless(*rows[i][1])); err != nil {
			return err
		}
	}
	return nil
}

// turn asks one question, and prints the answer. Ctrl-C stops the answer: the server cancels a
// Query when its client disconnects.
func (c *conversation) turn(ctx context.Context, line string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	select {
	case <-c.interrupts: // from an earlier turn
	default:
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-c.interrupts:
			stop(errInterrupted)
		case <-ended:
		}
	}()
	question := saidMessage{"user", line}
	asked := []saidMessage{question}
	if !c.kept {
		asked = append(c.messages[:len(c.messages):len(c.messages)], question)
	}
	answer, err := c.ask(ctx, asked)
	if errors.Is(context.Cause(ctx), errInterrupted) {
		fmt.Fprintln(c.err, c.colour(dim, "canceled"))
		return nil
	}
	if err == nil {
		c.messages = append(c.messages, question, saidMessage{"assistant", answer})
	}
	return err
}

// proxyPath returns the path of the target's proxy. A cluster's kube-apiserver applies no request
// timeout to it.
func (c *conversation) proxyPath() string {
	return path.Join("/apis", v1alpha1.SchemeGroupVersion.String(), "namespaces", c.namespace, string(c.target.Type)+"s", c.target.Name, "proxy/v1/chat/completions")
}
