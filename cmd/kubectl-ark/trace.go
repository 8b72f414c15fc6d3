package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// annotationVersions has the resourceVersions of the objects that a Query ran with, by
// RESOURCE/NAMESPACE/NAME, as JSON.
const annotationVersions = "ark.mckinsey.com/engine-versions"

// trace describes how a Query was answered.
type trace struct {
	Query    string        `json:"query"`
	Target   string        `json:"target"`
	Phase    string        `json:"phase"`
	Created  time.Time     `json:"created"`
	Duration string        `json:"duration,omitempty"`
	Tokens   int64         `json:"tokens,omitempty"`
	Error    string        `json:"error,omitempty"`
	Steps    []step        `json:"steps"`
	Messages []message     `json:"messages"`
	With     []usedVersion `json:"with"`
}

// message is one of the messages that led to an answer.
type message struct {
	Role      string `json:"role"`
	Name      string `json:"name,omitempty"`
	Content   string `json:"content,omitempty"`
	ToolCalls []call `json:"tool_calls,omitempty"`
}

// usedVersion is the version of an object with which a Query was executed.
type usedVersion struct {
	Object          string `json:"object"`
	ResourceVersion string `json:"resourceVersion"`
	// Today is the current resourceVersion of the object, or "" if the object was deleted or may not
	// be read.
	Today string `json:"today"`
	// Same is true if the current spec equals the spec of that version: only the status may have
	// changed.
	Same bool `json:"same"`
}

func (a *app) traceCommand() *cobra.Command {
	return a.withOutput(&cobra.Command{
		Use: "trace QUERY", Short: "Show the steps of a query with their times",
		Long: `Show the steps of a query with their times, as its events have them, its messages and calls of tools, and the versions of
the agents, models and tools that it ran with. Steps that are repeated have one event and say how often. Kubernetes keeps
events for an hour; under heavy load queries run without.`,
		Example: "kubectl ark trace morning-report\nkubectl ark trace morning-report -o json",
		Args:    exactly(1, "the name of a query"), ValidArgsFunction: a.completeNames("queries"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, q, err := a.stored(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			t, err := newTrace(cmd.Context(), client, q)
			if err != nil {
				return err
			}
			return a.printTrace(t)
		},
	}, "table", "json", "yaml")
}

func newTrace(ctx context.Context, client *objects.Client, q *v1alpha1.Query) (*trace, error) {
	t := &trace{Query: q.Name, Created: q.CreationTimestamp.UTC(), Phase: "pending", Steps: []step{}, Messages: []message{}, With: []usedVersion{}}
	if target := q.Spec.Target; target != nil {
		t.Target = string(target.Type) + "/" + target.Name
	}
	if s := q.Status; s != nil {
		if s.Phase != nil {
			t.Phase = string(*s.Phase)
		}
		if s.Duration != nil {
			t.Duration = string(*s.Duration)
		}
		if s.TokenUsage != nil && s.TokenUsage.TotalTokens != nil {
			t.Tokens = *s.TokenUsage.TotalTokens
		}
		if r := s.Response; r != nil {
			if r.Raw != nil {
				_ = json.Unmarshal([]byte(*r.Raw), &t.Messages) // an external engine may have written another format
			}
			if t.Phase == string(v1alpha1.QueryError) && r.Content != nil {
				t.Error = *r.Content
			}
			if t.Target == "" && r.Target != nil {
				t.Target = string(r.Target.Type) + "/" + r.Target.Name
			}
		}
	}
	with := map[string]string{}
	_ = json.Unmarshal([]byte(q.Annotations[annotationVersions]), &with) // only an engine writes it
	for _, object := range slices.Sorted(maps.Keys(with)) {
		t.With = append(t.With, compare(ctx, client, object, with[object]))
	}
	events, err := client.Core.CoreV1().Events(q.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.kind": "Query", "involvedObject.name": q.Name, "involvedObject.uid": string(q.UID)}.String(),
	})
	if err != nil {
		return nil, fmt.Errorf("read the events of the query: %w", err)
	}
	t.Steps = append(t.Steps, stepsOf(events.Items)...)
	return t, nil
}

// compare compares the current object RESOURCE/NAMESPACE/NAME with a version of it.
func compare(ctx context.Context, client *objects.Client, object, version string) usedVersion {
	v := usedVersion{Object: object, ResourceVersion: version}
	parts := strings.Split(object, "/")
	if len(parts) != 3 {
		return v
	}
	read := func(into any, subresource ...string) error {
		text, err := client.Ark(objects.VersionOf(parts[0])).Get().Namespace(parts[1]).Resource(parts[0]).Name(parts[2]).SubResource(subresource...).Do(ctx).Raw()
		if err != nil {
			return err
		}
		return json.Unmarshal(text, into)
	}
	var now metav1.PartialObjectMetadata
	if read(&now) != nil {
		return v
	}
	v.Today, v.Same = now.ResourceVersion, now.ResourceVersion == version
	var then struct {
		Generation int64
		Object     struct{ UID types.UID }
	}
	if !v.Same && read(&then, "history", version) == nil {
		v.Same = then.Object.UID == now.UID && then.Generation == now.Generation
	}
	return v
}

func (a *app) printTrace(t *trace) error {
	var out []byte
	var err error
	switch a.output {
	case "json":
		out, err = json.MarshalIndent(t, "", "    ")
	case "yaml":
		out, err = yaml.Marshal(t)
	default:
		_, err = fmt.Fprint(a.out, a.traceText(t))
		return err
	}
	if err != nil {
		return fmt.Errorf("print the trace: %w", err)
	}
	_, err = fmt.Fprintln(a.out, strings.TrimRight(string(out), "\n"))
	return err
}

func (a *app) traceText(t *trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "query/%s  %s  %s", t.Query, a.colour(phaseColour(t.Phase), t.Phase), t.Target)
	if t.Duration != "" {
		fmt.Fprintf(&b, "  %s", t.Duration)
	}
	if t.Tokens > 0 {
		fmt.Fprintf(&b, "  %d tokens", t.Tokens)
	}
	b.WriteByte('\n')
	if t.Error != "" {
		fmt.Fprintf(&b, "  %s\n", a.colour(red, oneLine(t.Error, 1000)))
	}
	b.WriteString("\n" + a.colour(bold, "STEPS") + "\n")
	if len(t.Steps) == 0 {
		b.WriteString("  no events: they are kept for an hour, and under heavy load there are none\n")
	}
	for _, s := range t.Steps {
		b.WriteString(a.stepLine(s))
	}
	b.WriteString("\n" + a.colour(bold, "MESSAGES") + "\n")
	if len(t.Messages) == 0 {
		b.WriteString("  none\n")
	}
	for _, m := range t.Messages {
		who := m.Role
		if m.Name != "" {
			who += " " + m.Name
		}
		who = oneLine(who, 100)
		for _, called := range m.ToolCalls {
			fmt.Fprintf(&b, "  %-18s %s\n", who, a.colour(dim, "calls "+describe(called)))
		}
		if m.Content != "" {
			fmt.Fprintf(&b, "  %-18s %s\n", who, oneLine(m.Content, 1000))
		}
	}
	b.WriteString("\n" + a.colour(bold, "RAN WITH") + "\n")
	if len(t.With) == 0 {
		b.WriteString("  not known: the engine has written no versions\n")
	}
	for _, v := range t.With {
		fmt.Fprintf(&b, "  %s\n", a.versionLine(v))
	}
	return b.String()
}

// versionLine returns a line with an object and whether it has changed. For a changed object the
// line has the command that shows the difference.
func (a *app) versionLine(v usedVersion) string {
	parts := strings.Split(v.Object, "/")
	if len(parts) != 3 {
		return oneLine(v.Object, 300)
	}
	name := singularOf(parts[0]) + "/" + parts[2]
	line := oneLine(fmt.Sprintf("%-28s version %s", name, v.ResourceVersion), 400)
	switch {
	case v.Same:
		return line + "  the same today"
	case v.Today == "":
		return line + a.colour(yellow, "  gone today, or you may not read it")
	}
	return line + a.colour(yellow, fmt.Sprintf("  changed since: kubectl ark diff %s --from=%s", name, v.ResourceVersion))
}

func phaseColour(phase string) string {
	switch v1alpha1.QueryPhase(phase) {
	case v1alpha1.QueryDone:
		return green
	case v1alpha1.QueryError:
		return red
	default:
		return yellow
	}
}

// errNoEvents is returned for an event that no engine has written.
var errNoEvents = errors.New("no event of an engine")

// dataOf returns the data that an engine has written into an event.
func dataOf(e corev1.Event) (map[string]string, error) {
	data := map[string]string{}
	if err := json.Unmarshal([]byte(e.Annotations["ark.mckinsey.com/event-data"]), &data); err != nil {
		return nil, errNoEvents
	}
	return data, nil
}
