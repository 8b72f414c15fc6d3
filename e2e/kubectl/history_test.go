package kubectl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// agentAt is where the agent of these tests is, and recordsAt where the records group's resources
// of its namespace are.
const (
	agentAt   = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents/weather"
	recordsAt = "/apis/records.ark.mckinsey.com/v1alpha1/namespaces/default"
)

// TestHistory reads, compares and takes back changes with plain kubectl, as docs/history.md says,
// on every database.
func TestHistory(t *testing.T) {
	for _, storage := range []string{engine.SQLite, engine.PostgreSQL, engine.MySQL} {
		t.Run(storage, func(t *testing.T) {
			options := component.ArkOptions{Args: []string{"--history=on", "--engine=external"}}
			if storage != engine.SQLite {
				options.Storage = servers.New(t, storage).Flags()
			}
			c := newCluster(t, options)
			agent := func(prompt string) string {
				return fmt.Sprintf(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"weather"},"spec":{"prompt":%q}}`, prompt)
			}
			c.runWith(t, agent("It rains."), "apply", "-f", "-")
			c.runWith(t, agent("The sun shines."), "apply", "-f", "-")
			c.run(t, "annotate", "agent", "weather", "ark.mckinsey.com/change-cause=a note")
			selected := []string{"get", "revisions", "--field-selector", "object.kind=Agent,object.name=weather"}
			names := strings.Fields(c.run(t, append(selected, "-o", "name")...))
			if len(names) != 3 {
				t.Fatalf("%q", names)
			}
			if table := c.run(t, append(selected, "-o", "wide")...); !strings.Contains(table, "VERB") || strings.Count(table, "patch") != 2 || !strings.Contains(table, "a note") {
				t.Errorf("%s", table)
			}
			if chunked := strings.Fields(c.run(t, append(selected, "-o", "name", "--chunk-size=1")...)); strings.Join(chunked, " ") != strings.Join(names, " ") {
				t.Errorf("in chunks: %q", chunked)
			}
			first := strings.TrimPrefix(names[2], "revision.records.ark.mckinsey.com/")
			for _, command := range [][]string{{"get", "revision", first, "-o", "yaml"}, {"describe", "revision", first}} {
				if text := c.run(t, command...); !strings.Contains(text, "It rains.") || strings.Contains(text, "The sun shines.") {
					t.Errorf("%q: %s", command, text)
				}
			}
			number := first[strings.LastIndex(first, ".")+1:]
			if text := c.run(t, "get", "--raw", agentAt+"/diff?from="+number); !strings.Contains(text, "-  prompt: It rains.\n+  prompt: The sun shines.\n") {
				t.Errorf("diff: %s", text)
			}
			c.runWith(t, fmt.Sprintf(`{"spec":{"revision":%s}}`, number), "create", "--raw", agentAt+"/rollback", "-f", "-")
			if prompt := c.run(t, "get", "agent", "weather", "-o", "jsonpath={.spec.prompt}"); prompt != "It rains." {
				t.Errorf("after a rollback: %s", prompt)
			}
			uid := c.run(t, "get", "agent", "weather", "-o", "jsonpath={.metadata.uid}")
			c.run(t, "delete", "agent", "weather")
			gone := strings.TrimPrefix(strings.TrimSpace(c.run(t, "get", "deletedobjects", "-o", "name")), "deletedobject.records.ark.mckinsey.com/")
			if text := c.run(t, "get", "deletedobject", gone, "-o", "yaml"); !strings.Contains(text, "It rains.") {
				t.Errorf("%s", text)
			}
			c.runWith(t, "{}", "create", "--raw", recordsAt+"/deletedobjects/"+gone+"/undelete", "-f", "-")
			if now := c.run(t, "get", "agent", "weather", "-o", "jsonpath={.metadata.uid} {.spec.prompt}"); strings.HasPrefix(now, uid) || !strings.HasSuffix(now, " It rains.") {
				t.Errorf("after the return: %s, was %s", now, uid)
			}
			if names := strings.Fields(c.run(t, append(selected, "-o", "name")...)); len(names) != 6 {
				t.Errorf("the whole lineage: %q", names)
			}
			if text := c.run(t, "explain", "revisions.changedPaths", "--api-version=records.ark.mckinsey.com/v1alpha1"); !strings.Contains(text, "fields that differ") {
				t.Errorf("%s", text)
			}
			if text := c.run(t, "api-resources", "--api-group=records.ark.mckinsey.com", "-o", "wide"); !strings.Contains(text, "revisions") || !strings.Contains(text, "sqlqueries") {
				t.Errorf("%s", text)
			}
			c.refuse(t, "", []string{"MethodNotAllowed"}, "delete", "revision", first)
		})
	}
}
