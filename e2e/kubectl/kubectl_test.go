package kubectl

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

func TestKubectl(t *testing.T) {
	for _, storage := range []string{engine.SQLite, engine.PostgreSQL, engine.MySQL} {
		t.Run(storage, func(t *testing.T) { testKubectl(t, storage) })
	}
}

func testKubectl(t *testing.T, storage string) {
	options := component.ArkOptions{}
	if storage != engine.SQLite {
		options.Storage = servers.New(t, storage).Flags()
	}
	c := newCluster(t, options)
	t.Run("version", c.testVersion)
	t.Run("kubeconfig is the admin's alone", func(t *testing.T) {
		if err := component.RequireMode(c.server.Kubeconfig, 0o600); err != nil {
			t.Error(err)
		}
	})
	t.Run("apply the examples", c.testApply)
	t.Run("get", c.testGet)
	t.Run("columns are those of the CRDs", c.testColumns)
	t.Run("get -w", c.testWatch)
	t.Run("wait", c.testWait)
	t.Run("explain", c.testExplain)
	t.Run("server-side apply", c.testServerSideApply)
	t.Run("server-side apply twice", c.testServerSideApplyTwice)
	t.Run("namespaces", c.testNamespaces)
	t.Run("wrong manifests", c.testWrong)
	t.Run("wrong kinds", c.testWrongKinds)
	t.Run("diff", c.testDiff)
	t.Run("restart", c.testRestart)
	t.Run("kill -9 while writing", c.testKill)
	t.Run("delete the examples", c.testDelete)
}

func (c *cluster) testVersion(t *testing.T) {
	if out := c.run(t, "version"); !strings.Contains(out, "Server Version: v1.37.") {
		t.Errorf("kubectl version says\n%s", out)
	}
}

// examples are the two folders that README.md has users apply.
func (c *cluster) examples() []string {
	dir := filepath.Join(c.root, "docs", "examples")
	return []string{dir + "/", filepath.Join(dir, "research-team") + "/"}
}

// testApply applies everything twice; the second time must leave every object as it is, and kubectl
// must see nothing to change. It compares texts, though: for a query whose file says 5m it sends
// that where 5m0s is stored, which changes nothing.
func (c *cluster) testApply(t *testing.T) {
	for _, dir := range c.examples() {
		for line := range strings.Lines(c.run(t, "apply", "-f", dir)) {
			if !strings.HasSuffix(line, " created\n") {
				t.Errorf("apply -f %s: %q, want created", dir, line)
			}
		}
	}
	before := c.everything(t)
	for _, dir := range c.examples() {
		for line := range strings.Lines(c.run(t, "apply", "-f", dir)) {
			respelled := strings.HasPrefix(line, "query.") && strings.HasSuffix(line, " configured\n")
			if !strings.HasSuffix(line, " unchanged\n") && !respelled {
				t.Errorf("second apply -f %s: %q, want unchanged", dir, line)
			}
		}
	}
	if after := c.everything(t); after != before {
		t.Errorf("the second apply changed objects:\n%s\nbefore:\n%s", after, before)
	}
}

func (c *cluster) testGet(t *testing.T) {
	out := c.run(t, "get", "agents,models,queries,teams,tools", "-A")
	for _, name := range []string{
		"agent.ark.mckinsey.com/researcher", "agent.ark.mckinsey.com/writer", "model.ark.mckinsey.com/default",
		"query.ark.mckinsey.com/history-of-sqlite", "team.ark.mckinsey.com/research", "tool.ark.mckinsey.com/search-encyclopedia",
	} {
		if !strings.Contains(out, name+" ") {
			t.Errorf("no %s in\n%s", name, out)
		}
	}
	// One object by name comes back as it was written.
	if got := c.run(t, "get", "query", "history-of-sqlite", "-n", "default", "-o", "jsonpath={.spec.target.name} {.spec.type}"); got != "research user" {
		t.Errorf("target and defaulted type of the query: %q", got)
	}
	if got := c.run(t, "get", "agents", "-n", "default", "-l", "team=research", "-o", "name"); strings.Count(got, "\n") != 2 {
		t.Errorf("agents of the research team by label:\n%s", got)
	}
}

// testColumns compares the heads of kubectl's tables with what it would print for the CRDs.
func (c *cluster) testColumns(t *testing.T) {
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		var want []string
		if !kind.ClusterScoped {
			want = append(want, "NAMESPACE")
		}
		want = append(want, "NAME")
		for _, column := range kind.Columns {
			if column.Priority == 0 {
				want = append(want, strings.ToUpper(column.Name))
			}
		}
		if len(kind.Columns) == 0 {
			want = append(want, "AGE")
		}
		head, _, _ := strings.Cut(c.run(t, "get", kind.Plural+".ark.mckinsey.com", "-A"), "\n")
		if got := fields(head); !slices.Equal(got, want) {
			t.Errorf("%s: columns %q, want %q", kind.Plural, got, want)
		}
	}
}

func (c *cluster) testExplain(t *testing.T) {
	for path, texts := range map[string][]string{
		"query.spec.target": {"KIND:       Query", "FIELD: target <", "name\t<string> -required-", "type\t<string> -required-", "enum: agent, model, team, tool"},
		"query.spec.overrides.headers.value.valueFrom.secretKeyRef": {"FIELD: secretKeyRef <", "key\t<string> -required-"},
		"agents":         {"KIND:       Agent", "spec\t<", "status\t<"},
		"arkconfig.spec": {"queryTTL\t<"},
	} {
		out := c.run(t, "explain", path)
		for _, text := range texts {
			if !strings.Contains(out, text) {
				t.Errorf("explain %s: no %q in\n%s", path, text, out)
			}
		}
	}
}

func (c *cluster) testServerSideApply(t *testing.T) {
	c.namespace(t, "ssa")
	c.runWith(t, "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: researcher}}", "apply", "-n", "ssa", "-f", "-")
	path := file(t, query("sky", "  target: {type: agent, name: researcher}", "  timeout: 5m"))
	if out := c.run(t, "apply", "--server-side", "-n", "ssa", "-f", path); out != "query.ark.mckinsey.com/sky serverside-applied\n" {
		t.Errorf("apply says %q", out)
	}
	other := file(t, strings.Replace(query("sky", "  timeout: 9m"), "  selector: {}\n", "", 1))
	c.refuse(t, "", []string{"conflict with \"kubectl\"", ".spec.timeout"},
		"apply", "--server-side", "--field-manager=somebody-else", "-n", "ssa", "-f", other)
	c.run(t, "apply", "--server-side", "--field-manager=somebody-else", "--force-conflicts", "-n", "ssa", "-f", other)
	if got := c.run(t, "get", "query", "sky", "-n", "ssa", "-o", "jsonpath={.spec.timeout} {.spec.target.name}"); got != "9m0s researcher" {
		t.Errorf("after a forced apply: %q", got)
	}
}

// testServerSideApplyTwice: what is there already is not written again, whatever the server has
// added to it.
func (c *cluster) testServerSideApplyTwice(t *testing.T) {
	c.namespace(t, "twice")
	args := []string{"apply", "--server-side", "-n", "twice", "-f", file(t, strings.Join([]string{
		query("durations", "  timeout: 5m", "  ttl: 720h"),
		query("empty", "  selector: {matchLabels: {}, matchExpressions: []}", "  overrides: [{resourceType: model, headers: [{name: a, value: {value: b}}], labelSelector: {}}]"),
		query("nulls", "  memory: null"),
		strings.NewReplacer("Query", "Agent", "  input: Why is the sky blue?", "  tools: [{type: mcp, name: files, approval: {timeout: 300s}}]", "  selector: {}\n", "").Replace(query("defaults-in-a-list")),
	}, "---\n"))}
	for _, dir := range c.examples() {
		args = append(args, "-f", dir)
	}
	c.run(t, args...)
	before := c.everything(t)
	// Managed fields tell the time in whole seconds: within one, a write that changes only the time
	// would not show.
	time.Sleep(time.Second)
	c.run(t, args...)
	if after := c.everything(t); after != before {
		t.Errorf("the second apply changed objects:\n%s\nbefore:\n%s", after, before)
	}
}

func (c *cluster) testNamespaces(t *testing.T) {
	if out := c.run(t, "create", "ns", "team-a"); out != "namespace/team-a created\n" {
		t.Errorf("create ns says %q", out)
	}
	c.runWith(t, query("mine"), "apply", "-n", "team-a", "-f", "-")
	if out := c.run(t, "get", "queries", "-n", "team-a", "-o", "name"); out != "query.ark.mckinsey.com/mine\n" {
		t.Errorf("queries of team-a: %q", out)
	}
	if out := c.run(t, "get", "queries", "-n", "default", "-o", "name"); strings.Contains(out, "mine") {
		t.Errorf("a query of team-a appears in default:\n%s", out)
	}
	c.refuse(t, query("lost"), []string{`namespaces "nowhere" not found`}, "create", "-n", "nowhere", "-f", "-")
}

// testWrongKinds: a kind that there is not gets the message that a cluster gives.
func (c *cluster) testWrongKinds(t *testing.T) {
	for _, args := range [][]string{{"get", "agnets"}, {"get", "agnets", "x"}, {"get", "agnets.ark.mckinsey.com"}, {"describe", "agnets", "x"}, {"delete", "agnets", "--all"}} {
		got := c.try(t, "", args...)
		want := `error: the server doesn't have a resource type "agnets"`
		if _, group, found := strings.Cut(args[1], "."); found {
			want += ` in group "` + group + `"`
		}
		if got.Code != 1 || strings.TrimSpace(got.Stderr) != want || got.Stdout != "" {
			t.Errorf("kubectl %v: code %d, %q %q, want %q", args, got.Code, got.Stdout, got.Stderr, want)
		}
	}
	if got := c.try(t, "", "get", "crd"); got.Code != 0 || !strings.Contains(got.Stdout, "agents.ark.mckinsey.com") {
		t.Errorf("kubectl get crd: %+v", got)
	}
}

func (c *cluster) testWrong(t *testing.T) {
	c.namespace(t, "wrong")
	for name, test := range map[string]struct {
		manifest string
		texts    []string
	}{
		"unknown field":    {query("q", "  targett: {type: agent, name: a}"), []string{`unknown field "spec.targett"`}},
		"not in the enum":  {query("q", "  target: {type: robot, name: a}"), []string{"spec.target.type", `"robot"`, `"agent"`}},
		"required":         {query("q", "  target: {type: agent}"), []string{"spec.target.name", "Required value"}},
		"wrong type":       {query("q", "  cancel: maybe"), []string{"cancel"}},
		"inside of a list": {query("q", "  parameters: [{name: ok, value: a}, {value: b}]"), []string{"spec.parameters[1].name"}},
		"duration":         {query("q", "  timeout: soon"), []string{"spec.timeout", `"soon"`, "must be a duration such as 30s, 5m or 1h30m"}},
		"name":             {query("Not_A_Name"), []string{"metadata.name", "RFC 1123"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.refuse(t, test.manifest, test.texts, "apply", "-n", "wrong", "-f", "-")
		})
	}
	if out := c.run(t, "get", "queries", "-n", "wrong", "-o", "name"); out != "" {
		t.Errorf("refused manifests left something behind:\n%s", out)
	}
}

func (c *cluster) testDiff(t *testing.T) {
	c.namespace(t, "diff")
	c.runWith(t, query("sky", "  timeout: 5m"), "apply", "-n", "diff", "-f", "-")
	if r := c.try(t, query("sky", "  timeout: 5m"), "diff", "-n", "diff", "-f", "-"); r.Code != 0 || r.Stdout != "" {
		t.Errorf("diff with the same manifest: exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	const differs = 1
	r := c.try(t, query("sky", "  timeout: 7m"), "diff", "-n", "diff", "-f", "-")
	if r.Code != differs || !strings.Contains(r.Stdout, "-  timeout: 5m") || !strings.Contains(r.Stdout, "+  timeout: 7m") {
		t.Errorf("diff with another timeout: exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if got := c.run(t, "get", "query", "sky", "-n", "diff", "-o", "jsonpath={.spec.timeout}"); got != "5m0s" {
		t.Errorf("diff changed the object: timeout %s", got)
	}
}

func (c *cluster) testDelete(t *testing.T) {
	for _, dir := range c.examples() {
		for line := range strings.Lines(c.run(t, "delete", "-f", dir)) {
			if !strings.Contains(line, " deleted") {
				t.Errorf("delete -f %s: %q", dir, line)
			}
		}
	}
	if out := c.run(t, "get", everyKind(), "-n", "default", "-o", "name"); out != "" {
		t.Errorf("left after delete:\n%s", out)
	}
}
