package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

const (
	// topPage is the number of Queries in a page of the list.
	topPage = 500
	// redraw is the interval at which the screen is drawn.
	redraw = time.Second
	// topRetry is the pause before a failed watch is restarted.
	topRetry = 2 * time.Second
)

func (a *app) topCommand() *cobra.Command {
	var once bool
	var by, selector string
	var window time.Duration
	cmd := a.withOutput(&cobra.Command{
		Use: "top", Short: "Show queries a second, phases, tokens, errors and the slowest, live",
		Long: `Show queries a second, phases, tokens, errors and the slowest queries of the last minute, by agent or by model. It reads the
queries once, and follows their changes then. Without a terminal, with --once or with -o it prints that once.`,
		Example: "kubectl ark top\nkubectl ark top --by=model -A\nkubectl ark top --once --window=1h -o json",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if by != "target" && by != "agent" && by != "model" {
				return usage("--by=%s: use target, agent or model", by)
			}
			if window <= 0 {
				return usage("--window=%s: use a duration such as 1m", window)
			}
			t := &top{app: a, board: newBoard(window, by), selector: selector}
			if !a.allNamespaces {
				var err error
				if t.namespace, err = a.namespace(); err != nil {
					return err
				}
			}
			out, ok := a.out.(*os.File)
			if once || a.output != "table" || !ok || !isTerminal(out) {
				return t.once(cmd.Context())
			}
			return t.live(cmd.Context())
		},
	}, "table", "json", "yaml")
	cmd.Flags().BoolVar(&once, "once", false, "print it once")
	cmd.Flags().StringVar(&by, "by", "agent", "group by agent, model, or target, which is an agent, a team, a model or a tool")
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "only queries with these labels")
	cmd.Flags().DurationVar(&window, "window", time.Minute, "count what has ended within this time")
	return a.withAllNamespaces(cmd)
}

// top reads Queries into a board.
type top struct {
	*app
	board               *board
	namespace, selector string
	client              *objects.Client
}

// read lists all Queries, page by page, and returns the resourceVersion from which a watch
// continues.
func (t *top) read(ctx context.Context) (string, error) {
	var err error
	if t.client == nil {
		if t.client, err = t.objects(); err != nil {
			return "", err
		}
	}
	where := path.Join("/apis", v1alpha1.SchemeGroupVersion.String(), "queries")
	if t.namespace != "" {
		where = path.Join("/apis", v1alpha1.SchemeGroupVersion.String(), "namespaces", t.namespace, "queries")
	}
	seen, next, version := 0, "", ""
	for {
		text, err := t.send(ctx, request{path: where, accept: "application/json", parameters: map[string]string{
			"limit": fmt.Sprint(topPage), "continue": next, "labelSelector": t.selector,
		}})
		if err != nil {
			return "", err
		}
		var page struct {
			Metadata metav1.ListMeta  `json:"metadata"`
			Items    []v1alpha1.Query `json:"items"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return "", fmt.Errorf("read the queries: %w", err)
		}
		for i := range page.Items {
			t.board.put(&page.Items[i])
		}
		seen += len(page.Items)
		if next, version = page.Metadata.Continue, page.Metadata.ResourceVersion; next == "" {
			t.progress("")
			return version, nil
		}
		t.progress(fmt.Sprintf("%d queries read", seen))
	}
}

// progress shows the progress on a terminal; "" removes it.
func (t *top) progress(text string) {
	if file, ok := t.err.(*os.File); ok && isTerminal(file) {
		fmt.Fprint(t.err, "\r\x1b[K"+text)
	}
}

func (t *top) once(ctx context.Context) error {
	if _, err := t.read(ctx); err != nil {
		return err
	}
	snapshot := t.board.snapshot(time.Now())
	if t.output != "table" {
		return t.document(snapshot)
	}
	_, err := fmt.Fprint(t.out, strings.Join(t.lines(snapshot), "\n")+"\n")
	return err
}

// live draws the board until Ctrl-C.
func (t *top) live(ctx context.Context) error {
	version, err := t.read(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(t.out, "\x1b[?1049h\x1b[?25l")       // alternate screen, hidden cursor
	defer fmt.Fprint(t.out, "\x1b[?25h\x1b[?1049l") // restore both
	ticks := time.NewTicker(redraw)
	defer ticks.Stop()
	retry := make(<-chan time.Time)
	var events <-chan watch.Event
	note := ""
	follow := func() {
		var watcher watch.Interface
		if watcher, err = t.watch(ctx, version); err != nil {
			note, events, retry = "the watch has failed: "+readable(err), nil, time.After(topRetry)
			return
		}
		note, events = "", watcher.ResultChan()
	}
	follow()
	t.draw(note)
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, open := <-events:
			query, ok := e.Object.(*v1alpha1.Query)
			switch {
			case open && ok && e.Type == watch.Deleted:
				version = query.ResourceVersion
				t.board.remove(string(query.UID))
			case open && ok:
				version = query.ResourceVersion
				if e.Type != watch.Bookmark {
					t.board.put(query)
				}
			case open && isGone(e): // events were lost, so all Queries are listed again
				if version, err = t.read(ctx); err != nil {
					note, events, retry = readable(err), nil, time.After(topRetry)
					continue
				}
				follow()
			default:
				events, retry = nil, time.After(topRetry)
			}
		case <-retry:
			follow()
		case <-ticks.C:
			t.draw(note)
		}
	}
}

func isGone(e watch.Event) bool {
	status, ok := e.Object.(*metav1.Status)
	return ok && status.Code == http.StatusGone
}

func (t *top) watch(ctx context.Context, version string) (watch.Interface, error) {
	return t.client.Ark(v1alpha1.SchemeGroupVersion).Get().Namespace(t.namespace).Resource("queries").VersionedParams(&metav1.ListOptions{
		Watch: true, ResourceVersion: version, LabelSelector: t.selector, AllowWatchBookmarks: true,
	}, metav1.ParameterCodec).Watch(ctx)
}

// draw overwrites the previous screen line by line, so that it does not flicker.
func (t *top) draw(note string) {
	lines := t.lines(t.board.snapshot(time.Now()))
	if note != "" {
		lines = append(lines, "", t.colour(red, oneLine(note, 200)))
	}
	width, height := sizeOf(t.out)
	if len(lines) > height {
		lines = lines[:height]
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("\x1b[K" + cut(line, width))
	}
	b.WriteString("\x1b[J")
	if _, err := fmt.Fprint(t.out, b.String()); err != nil && !errors.Is(err, os.ErrClosed) {
		return // the next attempt may succeed
	}
}
