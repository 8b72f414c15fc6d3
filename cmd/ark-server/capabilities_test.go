package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// capability is a line of docs/operations/capabilities.md.
type capability struct {
	name, sizing, backup, troubleshooting string
	prefixes, rows, alerts                []string
}

func readCapabilities(t *testing.T) []capability {
	t.Helper()
	_, table, found := strings.Cut(readFile(t, "..", "..", "docs", "operations", "capabilities.md"), "|---|---|---|---|---|---|---|\n")
	if !found {
		t.Fatal("the page has no table")
	}
	var all []capability
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 7 {
			t.Fatalf("%d cells: %s", len(cells), line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		c := capability{name: cells[0], rows: strings.Split(cells[2], ", "), alerts: strings.Split(cells[3], ", "), sizing: cells[4], backup: cells[5], troubleshooting: cells[6]}
		for _, quoted := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
			c.prefixes = append(c.prefixes, quoted[1])
		}
		all = append(all, c)
	}
	return all
}

func (c capability) has(metric string) bool {
	return slices.ContainsFunc(c.prefixes, func(p string) bool { return strings.HasPrefix(metric, p) })
}

// hasAnyIn reports whether a query asks for one of the capability's metrics.
func (c capability) hasAnyIn(query string) bool {
	return slices.ContainsFunc(selector.FindAllString(quotedAside(query), -1), c.has)
}

// TestCapabilities checks that every capability can be operated: it has metrics, panels, alerts,
// and pages that describe its cost and its recovery. Every metric, panel, alert and page belongs to
// a capability.
func TestCapabilities(t *testing.T) {
	all := readCapabilities(t)
	if len(all) < 5 {
		t.Fatalf("only %d capabilities", len(all))
	}
	metrics := regexp.MustCompile("(?m)^\\| `(ark_[a-z_]+)`").FindAllStringSubmatch(readFile(t, "..", "..", "docs", "operations", "metrics.md"), -1)
	rows := dashboardRows(t)
	alerts := alertQueries(t)
	for _, c := range all {
		for _, p := range c.prefixes {
			if strings.HasPrefix(p, "ark_") && !slices.ContainsFunc(metrics, func(m []string) bool { return strings.HasPrefix(m[1], p) }) {
				t.Errorf("%s: no metric begins with %s", c.name, p)
			}
		}
		shown := false
		for _, row := range c.rows {
			if len(rows[row]) == 0 {
				t.Errorf("%s: the dashboard has no row %q with panels", c.name, row)
			}
			shown = shown || slices.ContainsFunc(rows[row], c.hasAnyIn)
		}
		if !shown {
			t.Errorf("%s: no panel in %q shows a metric of it", c.name, c.rows)
		}
		for _, alert := range c.alerts {
			if query, ok := alerts[alert]; !ok || !c.hasAnyIn(query) {
				t.Errorf("%s: no alert %s on its metrics", c.name, alert)
			}
		}
		for what, cell := range map[string]string{"how much it takes": c.sizing, "backup and restore": c.backup, "troubleshooting": c.troubleshooting} {
			// TestDocs checks the targets of links.
			if !strings.Contains(cell, "](") && !strings.HasPrefix(cell, "none: ") {
				t.Errorf("%s: %s is %q: want a link, or \"none: \" and why", c.name, what, cell)
			}
		}
	}
	of := func(what string, is func(capability) bool) {
		t.Helper()
		if n := len(slices.DeleteFunc(slices.Clone(all), func(c capability) bool { return !is(c) })); n == 0 {
			t.Errorf("%s belongs to no capability of docs/operations/capabilities.md", what)
		}
	}
	for _, m := range metrics {
		of("the metric "+m[1], func(c capability) bool { return c.has(m[1]) })
	}
	for row := range rows {
		of("the dashboard's row "+row, func(c capability) bool { return slices.Contains(c.rows, row) })
	}
	for alert := range alerts {
		of("the alert "+alert, func(c capability) bool { return slices.Contains(c.alerts, alert) })
	}
}

// dashboardRows returns the queries below each row.
func dashboardRows(t *testing.T) map[string][]string {
	t.Helper()
	rows, row := map[string][]string{}, ""
	for _, p := range readPanels(t) {
		if p.Type == "row" {
			row = p.Title
			rows[row] = nil
		}
		for _, target := range p.Targets {
			rows[row] = append(rows[row], target.Expr)
		}
	}
	return rows
}

// alertQueries returns the query of each alert.
func alertQueries(t *testing.T) map[string]string {
	t.Helper()
	queries := map[string]string{}
	for _, a := range readAlerts(t) {
		queries[a.Alert] = a.Expr
	}
	return queries
}
