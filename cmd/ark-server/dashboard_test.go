package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The metrics in the alerts and the dashboard must exist, with the same names, labels and label
// values. The tests of e2e/cluster check the remaining ones.

// elsewhere lists the metrics that a standalone server without webhooks does not have.
var elsewhere = []string{"aggregator_unavailable_apiservice", "apiserver_admission_webhook_rejection_count"}

// targetLabels are the labels that Prometheus adds.
var targetLabels = []string{"job", "pod", "namespace", "instance", "le"}

func TestDashboard(t *testing.T) {
	text := readFile(t, "..", "..", "deploy", "grafana", "ark-server.json")
	if text != readFile(t, "..", "..", "deploy", "helm", "ark-server", "files", "dashboard.json") {
		t.Error("the chart's dashboard is another one than deploy/grafana/ark-server.json: copy the one to the other")
	}
	metrics := scrapeAll(t)
	n := 0
	for _, panel := range readPanels(t) {
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("the panel %s shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			n++
			metrics.check(t, panel.Title, target.Expr)
		}
	}
	if n < 30 {
		t.Errorf("only %d queries were found", n)
	}
}

func TestAlerts(t *testing.T) {
	guide := readFile(t, "..", "..", "docs", "operations", "troubleshooting.md")
	metrics := scrapeAll(t)
	n := 0
	for _, rule := range readAlerts(t) {
		n++
		metrics.check(t, rule.Alert, rule.Expr)
		if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has severity %q", rule.Alert, severity)
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s does not say what is the matter", rule.Alert)
		}
		anchor := "/docs/operations/troubleshooting.md#" + strings.ToLower(rule.Alert)
		if !strings.HasSuffix(rule.Annotations["runbook_url"], anchor) || !strings.Contains(guide, "\n### "+rule.Alert+"\n") {
			t.Errorf("%s has no runbook: want a heading of that name, and runbook_url ending in %s", rule.Alert, anchor)
		}
	}
	if n < 10 {
		t.Errorf("only %d alerts were found", n)
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (Ark\w+)$`).FindAllStringSubmatch(guide, -1) {
		if !strings.Contains(readFile(t, "..", "..", "deploy", "helm", "ark-server", "files", "alerts.yaml"), "alert: "+heading[1]+"\n") {
			t.Errorf("troubleshooting.md tells of %s, which is no alert", heading[1])
		}
	}
}

// panel is a panel of the dashboard, or the title of a row of panels.
type panel struct {
	Type, Title string
	Targets     []struct{ Expr string }
}

func readPanels(t *testing.T) []panel {
	t.Helper()
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal([]byte(readFile(t, "..", "..", "deploy", "grafana", "ark-server.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	return dashboard.Panels
}

type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func readAlerts(t *testing.T) []alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(readFile(t, "..", "..", "deploy", "helm", "ark-server", "files", "alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func readFile(t *testing.T, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exposition holds the metrics of a server: the values of each label of each metric.
type exposition map[string]map[string][]string

// scrapeAll starts a server on PostgreSQL, which has the most metrics, sends it requests, and reads
// its metrics.
func scrapeAll(t *testing.T) exposition {
	t.Helper()
	s := startServing(t, append(databaseFlags(storagePostgres, postgresServer.Database(t)), "--peer-listen=127.0.0.1:0", "--history=on", "--read-model-path="+filepath.Join(t.TempDir(), "read.db"))...)
	if code, body := request(t, s.admin, "POST", "/api/v1/namespaces/default/configmaps",
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`, "Content-Type", "application/json"); code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	code, text := request(t, s.admin, "GET", "/metrics", "")
	if code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	e := exposition{}
	series := regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$`)
	label := regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	for _, m := range series.FindAllStringSubmatch(text, -1) {
		if e[m[1]] == nil {
			e[m[1]] = map[string][]string{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			e[m[1]][l[1]] = append(e[m[1]][l[1]], l[2])
		}
	}
	if len(e) < 100 {
		t.Fatalf("only %d metrics were found", len(e))
	}
	return e
}

var (
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	grouping = regexp.MustCompile(`\b(by|without|on|ignoring)\s*\(([^)]*)\)`)
	selector = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\}|\[|\(|)`)
	matcher  = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"`)
	keywords = []string{"and", "or", "unless", "bool", "offset"}
)

// check finds the metrics in a Prometheus query, and checks that they exist.
func (e exposition) check(t *testing.T, where, query string) {
	t.Helper()
	// Braces within quotes would end a selector.
	for _, q := range quoted.FindAllString(query, -1) {
		if strings.ContainsAny(q, "{}()") {
			t.Fatalf("%s: this test cannot read %s", where, query)
		}
	}
	var groupedBy []string
	plain := grouping.ReplaceAllStringFunc(query, func(s string) string {
		for _, name := range strings.Split(grouping.FindStringSubmatch(s)[2], ",") {
			groupedBy = append(groupedBy, strings.TrimSpace(name))
		}
		return ""
	})
	plain = regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(plain, "")
	found := 0
	labels := map[string]bool{}
	for _, m := range selector.FindAllStringSubmatch(quotedAside(plain), -1) {
		name := m[1]
		if m[2] == "(" || slices.Contains(keywords, name) {
			continue // a function
		}
		found++
		if slices.Contains(elsewhere, name) {
			return
		}
		have, ok := e[name]
		if !ok {
			t.Errorf("%s: no metric %s", where, name)
			continue
		}
		for label := range have {
			labels[label] = true
		}
		_, rest, _ := strings.Cut(plain, name)
		if !strings.HasPrefix(rest, "{") {
			continue
		}
		rest, _, _ = strings.Cut(rest, "}")
		for _, l := range matcher.FindAllStringSubmatch(rest, -1) {
			e.checkMatcher(t, where, name, l[1], l[2], l[3])
		}
	}
	if found == 0 {
		t.Errorf("%s: no metric in %s", where, query)
	}
	for _, label := range groupedBy {
		if !labels[label] && !slices.Contains(targetLabels, label) {
			t.Errorf("%s: nothing in %s has the label %s", where, query, label)
		}
	}
}

// quotedAside empties quotes, so that no word in them is taken for a metric.
func quotedAside(query string) string { return quoted.ReplaceAllString(query, `""`) }

// checkMatcher checks that a label exists, and for our own metrics that its values exist.
func (e exposition) checkMatcher(t *testing.T, where, metric, label, operator, value string) {
	t.Helper()
	if slices.Contains(targetLabels, label) {
		return
	}
	have, ok := e[metric][label]
	if !ok {
		t.Errorf("%s: %s has no label %s", where, metric, label)
		return
	}
	if !strings.HasPrefix(metric, "ark_") || operator == "!=" || operator == "!~" {
		return
	}
	for _, one := range strings.Split(value, "|") {
		if !slices.Contains(have, one) {
			t.Errorf("%s: %s has no %s=%q", where, metric, label, one)
		}
	}
}
