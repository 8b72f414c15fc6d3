package plugin

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/golden"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

var update = flag.Bool("update", false, "write the transcript anew")

func TestMain(m *testing.M) {
	flag.Parse()
	if err := component.BuildBinaries("kubectl"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// patience is how long one command may take.
const patience = 2 * time.Minute

const objects = `
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Model, metadata: {name: default}, spec: {provider: openai, model: {value: scripted}, config: {openai: {baseUrl: {value: MODEL/v1}, apiKey: {value: none}}}}}
---
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Tool, metadata: {name: weather}, spec: {type: http, http: {url: "https://weather.example.com"}}}
---
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: guide}, spec: {prompt: You are the guide., modelRef: {name: default}, tools: [{type: custom, name: weather}]}}
---
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: editor}, spec: {prompt: You are the editor., modelRef: {name: default}}}
---
{apiVersion: ark.mckinsey.com/v1alpha1, kind: Team, metadata: {name: news}, spec: {strategy: sequential, members: [{type: agent, name: guide}, {type: agent, name: editor}]}}
`

// world is a server, and kubectl with the plugin.
type world struct {
	t               *testing.T
	kubectl, home   string
	kubeconfig, bin string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, home: t.TempDir(), bin: t.TempDir()}
	var err error
	if w.kubectl, err = component.Binary("kubectl"); err != nil {
		t.Fatal(err)
	}
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(w.bin, "kubectl-ark"), "./cmd/kubectl-ark")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	model := httptest.NewServer(scripted.New(func(r scripted.Request) scripted.Answer {
		switch last := r.Last(); {
		case strings.HasPrefix(last, "fail"):
			return scripted.Answer{Status: 400, Text: "the model does not like that"}
		case strings.HasPrefix(last, "call"):
			return scripted.Answer{Calls: []scripted.Call{{ID: "call-1", Name: "pay", Arguments: `{"amount":"1000"}`}}}
		case strings.HasPrefix(last, "hang"):
			return scripted.Answer{Hang: true}
		default:
			return scripted.Answer{Text: "You said: " + last}
		}
	}))
	t.Cleanup(func() {
		model.CloseClientConnections()
		model.Close()
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ark, err := component.StartArk(ctx, component.ArkOptions{Dir: t.TempDir(), Args: []string{"--engine=embedded"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ark.Stop(); err != nil {
			t.Error(err)
		}
	})
	w.kubeconfig = ark.Kubeconfig
	if code, out := w.run(strings.ReplaceAll(objects, "MODEL", model.URL), "apply", "-f", "-"); code != 0 {
		t.Fatal(out)
	}
	return w
}

// run runs kubectl with arguments, and returns its exit code and what it printed.
func (w *world) run(stdin string, args ...string) (int, string) {
	w.t.Helper()
	var out bytes.Buffer
	return w.kubectlTo(&out, &out, stdin, args...), out.String()
}

// split is run without standard input, with what was printed as errors apart.
func (w *world) split(args ...string) (out, errors string, code int) {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	code = w.kubectlTo(&stdout, &stderr, "", args...)
	return stdout.String(), stderr.String(), code
}

func (w *world) kubectlTo(stdout, stderr *bytes.Buffer, stdin string, args ...string) int {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.kubectl, args...)
	cmd.Env = append(os.Environ(), "HOME="+w.home, "KUBECONFIG="+w.kubeconfig, "PATH="+w.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || !exit.Exited()) {
		w.t.Fatalf("kubectl %v: %v\n%s%s", args, err, stdout, stderr)
	}
	return cmd.ProcessState.ExitCode()
}

var (
	// changing is what differs from run to run.
	changing = []struct {
		found *regexp.Regexp
		put   string
	}{
		{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
		{regexp.MustCompile(`\b(query|again)-[a-z0-9]{5}\b`), "$1-XXXXX"},
		{regexp.MustCompile(`\b(agent\.[a-z]+)\.\d+`), "$1.REV"},
		{regexp.MustCompile(`(revision: )\d+`), "${1}REV"},
		{regexp.MustCompile(`(version |--from=)\d+`), "${1}REV"},
		{regexp.MustCompile(`(?m)^ +\+\S+ +\S+  ( *(?:query|team|member|turn|agent|model|tool) )`), "  +OFFSET DURATION  $1"},
		{regexp.MustCompile(`(?m)^(query/traced .*?)\d+m?s\b`), "${1}DURATION"},
		{regexp.MustCompile(`\bchat-[a-z0-9]{16}\b`), "chat-XXXXX"},
		{regexp.MustCompile(`(answers in )\S+`), "${1}DURATION"},
		{regexp.MustCompile(`(https://127.0.0.1):\d+`), "$1:PORT"},
		{regexp.MustCompile(`(this plugin is )\S+`), "${1}BUILD"}, // as the checkout, its tags and -buildvcs have it
		{regexp.MustCompile(`\bv1\.\d+\.\d+\b`), "VERSION"},
		{regexp.MustCompile(`[0-9.]+ (queries|tokens)/s`), "N $1/s"},
		{regexp.MustCompile(`(?m)^(\S+ +\d+ +\d+ +\d+) +\S+s +\S+s$`), "$1 P50 P95"},
		{regexp.MustCompile(`(?m)^((?:chat|query)-XXXXX|traced) +(\w+/\w+) +\S+s$`), "SLOW"},
		{regexp.MustCompile(`(?m)^((?:agent|query)\.\S+ .*?)\b\d+m?s\b`), "${1}AGE"},
		{regexp.MustCompile(`("(?:from|to)":)\d+`), "${1}REV"},
		{regexp.MustCompile(`(?m)^((?:done|error),.*,)[0-9.]+$`), "${1}DURATION"},
		{regexp.MustCompile(`(?m)^agent\.\S+ +update +system:ark-engine .*\n`), ""}, // as often as statuses change
		{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-\S{22}\b`), "UID"},
		{regexp.MustCompile(` {2,}`), "  "}, // columns are as wide as what is in them
		{regexp.MustCompile(`(?m) +$`), ""},
	}
	revision = regexp.MustCompile(`agent\.guide\.(\d+)`)
)

// TestTranscript runs the commands of a session, and compares what they print and exit with.
func TestTranscript(t *testing.T) {
	w := newWorld(t)
	var transcript strings.Builder
	in := func(stdin string, line ...string) string {
		code, out := w.run(stdin, line...)
		fmt.Fprintf(&transcript, "$ kubectl %s\n%s", strings.Join(line, " "), out)
		if code != 0 {
			fmt.Fprintf(&transcript, "exit code %d\n", code)
		}
		transcript.WriteByte('\n')
		return out
	}
	ark := func(line ...string) string { return in("", append([]string{"ark"}, line...)...) }

	ark("query", "agent/guide", "hello there")
	in("a file\n", "ark", "query", "agent/guide", "about", "-f", "-")
	ark("query", "team/news", "what is new", "--stream")
	ark("query", "agent/guide", "fail please")
	ark("query", "agent/guide", "hang", "--timeout=1s")
	ark("query", "agent/none", "hello")
	ark("query", "guide", "hello")
	ark("query")
	ark("nonsense")
	ark("history", "agent/guide", "--nonsense")
	ark("history", "weather/guide")
	ark("history", "agent/guide")
	in("", "annotate", "agent", "guide", "ark.mckinsey.com/change-cause=shorter")
	in("", "patch", "agent", "guide", "--type=merge", "-p", `{"spec":{"prompt":"Be short."}}`)
	history := ark("history", "agent", "guide")
	ark("diff", "agent/guide")
	ark("diff", "agents/guide", "--format=paths")
	ark("blame", "agent/guide", "--path=spec.prompt")
	if code, out := w.run("", "ark", "history", "agent/guide", "-o", "name"); code != 0 || !regexp.MustCompile(`^(agent\.guide\.\d+\n)+$`).MatchString(out) {
		t.Errorf("names: %d %s", code, out)
	}
	first := revision.FindAllStringSubmatch(history, -1)
	if len(first) == 0 {
		t.Fatalf("no revisions in %s", history)
	}
	oldest := first[len(first)-1][1]
	for _, match := range first { // whichever order they are in
		if len(match[1]) < len(oldest) || match[1] < oldest && len(match[1]) == len(oldest) {
			oldest = match[1]
		}
	}
	for _, more := range [][]string{{"--dry-run"}, nil} {
		code, out := w.run("", append([]string{"ark", "rollback", "agent/guide", oldest}, more...)...)
		if want := "agent/guide rolled back to " + oldest; code != 0 || !strings.HasPrefix(out, want) {
			t.Errorf("rollback %v: %d %s", more, code, out)
		}
	}
	in("", "get", "agent", "guide", "-o", "jsonpath={.spec.prompt}{'\\n'}")
	ark("rollback", "agent/guide", "yesterday")
	in("hello\nand again\n", "ark", "chat", "agent/guide")
	in("what is new\n", "ark", "chat", "team/news")
	in("fail please\n", "ark", "chat", "agent/guide")
	in("", "ark", "chat", "tool/weather")
	in("", "apply", "-f", filepath.Join("testdata", "traced.yaml"))
	in("", "wait", "query/traced", "--for=jsonpath={.status.phase}=done", "--timeout=60s")
	ark("trace", "traced")
	in("", "patch", "agent", "editor", "--type=merge", "-p", `{"spec":{"prompt":"You are the strict editor."}}`)
	ark("trace", "traced")
	ark("top", "--once", "--window=1h")
	ark("doctor")
	ark("tree", "team/news")
	ark("tree", "model/default", "--used-by")
	ark("tree", "team/none")
	ark("search", "hello", "kind:Query")
	ark("search", "nonsense:1")
	ark("sql", "select phase, count(*) n from queries group by 1 order by 1")
	ark("sql", "select name from agents where name = :name", "--param=name=guide", "-o", "csv")
	ark("sql", "select", "one")
	ark("usage", "--by", "phase", "-o", "csv")
	if code, out := w.run("", "ark", "report"); code != 0 || !strings.Contains(out, "agents-by-model") {
		t.Errorf("reports: %d %s", code, out)
	}
	ark("report", "no-such-report")
	in("", "delete", "agent", "editor")
	trash := ark("trash")
	name := regexp.MustCompile(`agent\.editor\.\d+`).FindString(trash)
	if code, out := w.run("", "ark", "undelete", name); code != 0 || out != name+" undeleted\n" {
		t.Errorf("undelete: %d %s", code, out)
	}
	in("", "get", "agent", "editor", "-o", "name")
	in("", "ark", "cancel", "no-such-query")

	text := transcript.String()
	for _, c := range changing {
		text = c.found.ReplaceAllString(text, c.put)
	}
	golden.Compare(t, filepath.Join("testdata", "transcript.txt"), text, *update, "go test ./plugin -args -update")
}

// TestPlugin has one server for what needs no transcript.
func TestPlugin(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]func(*testing.T, *world){
		"cancel and retry": testCancelAndRetry, "approval": testApproval, "completion": testCompletion, "rights": testRights, "outputs": testOutputs,
	} {
		t.Run(name, func(t *testing.T) {
			with := *w
			with.t = t
			test(t, &with)
		})
	}
}

// testCancelAndRetry stops a query that hangs, and asks another one again.
func testCancelAndRetry(t *testing.T, w *world) {
	query := func(name, input string) {
		text := fmt.Sprintf("{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: %s}, spec: {input: %s, target: {type: agent, name: guide}}}", name, input)
		if code, out := w.run(text, "create", "-f", "-"); code != 0 {
			t.Fatal(out)
		}
	}
	query("stuck", "hang")
	if code, out := w.run("", "ark", "cancel", "stuck"); code != 0 || out != "query/stuck canceled\n" {
		t.Errorf("cancel: %d %s", code, out)
	}
	if code, out := w.run("", "wait", "query/stuck", "--for=jsonpath={.status.phase}=canceled", "--timeout=60s"); code != 0 {
		t.Error(out)
	}
	query("report", "hello")
	if code, out := w.run("", "wait", "query/report", "--for=jsonpath={.status.phase}=done", "--timeout=60s"); code != 0 {
		t.Error(out)
	}
	if code, out := w.run("", "ark", "retry", "report"); code != 0 || out != "You said: hello\n" {
		t.Errorf("retry: %d %s", code, out)
	}
	if code, out := w.run("", "ark", "retry", "report", "-o", "name"); code != 0 || !strings.HasPrefix(out, "query/report-again-") {
		t.Errorf("retry: %d %s", code, out)
	}
	// As of a revision the question is what it was then, also once the query is gone.
	_, revision := w.run("", "get", "query", "report", "-o", "jsonpath={.metadata.resourceVersion}")
	if code, out := w.run("", "patch", "query", "report", "--type=merge", "-p", `{"spec":{"input":"other"}}`); code != 0 {
		t.Fatal(out)
	}
	if code, out := w.run("", "delete", "query", "report"); code != 0 {
		t.Fatal(out)
	}
	if code, out := w.run("", "ark", "retry", "report", "--as-of="+revision); code != 0 || out != "You said: hello\n" {
		t.Errorf("retry as of %s: %d %s", revision, code, out)
	}
}

// testApproval has a query wait for a person, who decides either way.
func testApproval(t *testing.T, w *world) {
	const careful = "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: careful}, spec: {prompt: You are careful., modelRef: {name: default}, tools: [{type: builtin, name: pay, partial: {name: noop}, approval: {required: true}}]}}"
	if code, out := w.run(careful, "create", "-f", "-"); code != 0 {
		t.Fatal(out)
	}
	for decision, want := range map[string]string{"approve": "You said: ", "reject": "You said: The call was rejected by the user."} {
		code, out := w.run("", "ark", "query", "agent/careful", "call it")
		name := regexp.MustCompile(`query-[a-z0-9]{5}`).FindString(out)
		if code != 5 || name == "" || !strings.Contains(out, "kubectl ark approve "+name) {
			t.Fatalf("a query that waits: %d %s", code, out)
		}
		if code, out := w.run("", "ark", decision, name); code != 0 || !strings.HasPrefix(out, want) || decision == "approve" && strings.Contains(out, "rejected") {
			t.Errorf("%s: %d %s", decision, code, out)
		}
		if code, out := w.run("", "ark", decision, name); code != 1 || !strings.Contains(out, "waits for no decision") {
			t.Errorf("%s again: %d %s", decision, code, out)
		}
	}
}

// testCompletion completes the names of kinds and objects, by kubectl's own way to plugins.
func testCompletion(t *testing.T, w *world) {
	for _, c := range []struct {
		typed []string
		want  string
	}{
		{[]string{"hist"}, "history"}, {[]string{"query", "ag"}, "agent/"}, {[]string{"query", "agent/g"}, "agent/guide"},
		{[]string{"history", "team/"}, "team/news"}, {[]string{"sql", "x", "-o", ""}, "ndjson"},
	} {
		code, out := w.run("", append([]string{"ark", "__complete"}, c.typed...)...)
		if code != 0 || !strings.Contains("\n"+out, "\n"+c.want) {
			t.Errorf("%v: %d %s", c.typed, code, out)
		}
	}
}

// testRights has a user see no more than the server shows them.
func testRights(t *testing.T, w *world) {
	if code, out := w.run("", "create", "serviceaccount", "nobody"); code != 0 {
		t.Fatal(out)
	}
	as := "--as=system:serviceaccount:default:nobody"
	for _, line := range [][]string{
		{"history", "agent/guide"}, {"diff", "agent/guide"}, {"tree", "team/news"}, {"trash"}, {"search", "guide"}, {"query", "agent/guide", "hello"},
	} {
		if code, out := w.run("", append(append([]string{"ark"}, line...), as)...); code != 1 || !strings.Contains(out, "forbidden") || strings.Contains(out, "You are the guide") {
			t.Errorf("%v: %d %s", line, code, out)
		}
	}
}
