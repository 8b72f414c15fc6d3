package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/engine/demo"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/server"
)

const aboutDemo = `Start a server that executes queries, with a model that answers by a script, two agents,
a team and a tool, and print commands that show an answer. It needs no key of a
provider, and keeps its data in a temporary folder that goes when it ends.`

func newDemoCommand() *cobra.Command {
	port := 0
	flags := group("Flags", func(fs *pflag.FlagSet) {
		fs.IntVar(&port, "secure-port", port, "HTTPS `port`; 0 picks a free one")
	})
	return withFlags(&cobra.Command{
		Use:   "demo",
		Short: "Start a server with a scripted model, agents, a team and a tool to try",
		Long:  aboutDemo,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), port, cmd.OutOrStdout())
		},
	}, flags)
}

func runDemo(ctx context.Context, port int, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "ark-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the model: %w", err)
	}
	model := &http.Server{Handler: demo.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = model.Serve(listener) }() // Close ends it
	defer func() { err = errors.Join(err, model.Close()) }()

	o := newOptions()
	o.dataDir, o.dbPath, o.securePort = dir, filepath.Join(dir, "ark.db"), port
	o.chat.listen = "127.0.0.1:0"
	o.engine.addresses = []string{"127.0.0.1/32"} // the tool listens there
	if err := o.validate(); err != nil {
		return usageError{err}
	}
	o.engine.allowed = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	failed := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err = serveAnd(ctx, o, out, func(s *server.Server) {
		if err := o.showDemo(ctx, s, "http://"+listener.Addr().String(), out); err != nil && ctx.Err() == nil {
			failed <- err
			stop()
		}
	})
	select {
	case shown := <-failed:
		return errors.Join(shown, err)
	default:
		return err
	}
}

// showDemo creates the objects, waits for the first answer, and prints what to try next.
func (o *options) showDemo(ctx context.Context, s *server.Server, url string, out io.Writer) error {
	client, err := o.adminClient()
	if err != nil {
		return err
	}
	var query *v1alpha1.Query
	for _, text := range demo.Objects(url) {
		if query, err = makeObject(ctx, client, text); err != nil {
			return err
		}
	}
	if query, err = ask.Wait(ctx, client, query); err != nil {
		return err
	}
	answer, err := ask.Answer(query)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `ark-server is ready, with the agents guide and editor, the team newsroom, the tool weather, and the
query hello, which the team has answered: %s

See the answer:
  kubectl --kubeconfig %s get query hello -o jsonpath='{.status.response.content}'
  curl --cacert %s -H "Authorization: Bearer $(cat %s)" %s/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries/hello

Ask more:
  ark-server query agent/guide "How is the weather in Oslo?" --data-dir=%s

Ask by OpenAI's API: its SDKs read these variables.
  export OPENAI_BASE_URL=http://%s/v1 OPENAI_API_KEY=$(cat %s)
  curl -N "$OPENAI_BASE_URL/chat/completions" -H "Authorization: Bearer $OPENAI_API_KEY" \
    -d '{"model": "agent/guide", "stream": true, "messages": [{"role": "user", "content": "How is the weather in Rome?"}]}'

It is a script, not a model. Stop it with Ctrl-C; its data goes, too.
`, answer, o.kubeconfig(), filepath.Join(o.keys(), "ca.crt"), filepath.Join(o.keys(), "admin.token"), s.URL, filepath.Dir(o.dbPath),
		s.ChatAddress, filepath.Join(o.keys(), "admin.token"))
	return nil
}

// makeObject creates an object of the demo, and returns it if it is a Query.
func makeObject(ctx context.Context, client *objects.Client, text string) (*v1alpha1.Query, error) {
	var kind struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(text), &kind); err != nil {
		return nil, fmt.Errorf("read an object of the demo: %w", err)
	}
	made := map[string]objects.Object{"Model": &v1alpha1.Model{}, "Tool": &v1alpha1.Tool{}, "Agent": &v1alpha1.Agent{}, "Team": &v1alpha1.Team{}, "Query": &v1alpha1.Query{}}[kind.Kind]
	resource := map[string]string{"Model": "models", "Tool": "tools", "Agent": "agents", "Team": "teams", "Query": "queries"}[kind.Kind]
	if err := yaml.Unmarshal([]byte(text), made); err != nil {
		return nil, fmt.Errorf("read an object of the demo: %w", err)
	}
	made.SetNamespace("default")
	if err := client.Create(ctx, resource, made); err != nil {
		return nil, fmt.Errorf("make the %s %s: %w", kind.Kind, made.GetName(), err)
	}
	query, _ := made.(*v1alpha1.Query)
	return query, nil
}
