package engine

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// rules are the rules by which Ark executes Queries, by number, with the executions of the table
// that show each.
var rules = map[string][]string{
	"1": {"1-agent", "1-selector", "1-tool", "1-timeout", "1-provider-error", "1-canceled-before"},
	"2": {"2-input-verbatim", "2-input-parameters", "2-prompt-parameters", "2-input-service-parameter"},
	"3": {"3-tools-in-order", "3-terminate", "3-unknown-tool", "3-http-error", "3-output-schema"},
	"4": {"4-http-post", "4-partial", "4-functions", "4-agent-tool", "4-team-tool"},
	"5": {"5-sequential", "5-loops", "5-selector", "5-selector-graph", "5-nested"},
	"6": {"6-http", "6-sse", "6-settings", "6-images", "6-call-timeout"},
	// 7.1: no call of a turn runs if one of its calls needs approval. 7.2, 7.3: the request, and how
	// the Query waits. 7.4: the decision. 7.5: how the run continues. 7.6: a further approval.
	"7.1": {"7-waits", "7-arguments-match", "7-arguments-do-not-match", "7-arguments-no-json", "7-tool-has-the-rule"},
	"7.2": {"7-waits"},
	"7.3": {"7-waits", "7-approved"},
	"7.4": {"7-approved", "7-rejected", "7-unreadable-decision", "7-unknown-decision", "7-timeout-rejects", "7-timeout-proceeds"},
	"7.5": {"7-approved", "7-rejected", "7-refused-too-often", "7-refusals-are-reset", "7-team-goes-on", "7-agent-as-a-tool", "7-approved-call-fails"},
	"7.6": {"7-approved-again"},
	"8":   {"8-no-memory", "8-memory-missing", "8-history", "8-history-unreadable"},
	"9":   {"9-azure", "9-anthropic", "9-bedrock", "9-bedrock-throttled", "9-retried", "9-properties-and-headers", "9-overrides"},
	"10":  {"10-message", "10-version-1", "10-task-history", "10-context"},
	// 11.1: every chunk of a model. 11.2: tool calls repeated as a whole. 11.3: output that is not
	// streamed. 11.4: one chunk for all. 11.5: an invalid choice. 11.6: errors. 11.7: the last chunk.
	"11.1": {"1-agent", "5-sequential"},
	"11.2": {"3-tools-in-order"},
	"11.3": {"4-agent-tool", "5-selector"},
	"11.4": {"10-message"},
	"11.5": {"5-selector-bad-choice"},
	"11.6": {"1-provider-error"},
	"11.7": {"1-agent"},
	"12":   {"3-tools-in-order", "5-selector", "10-message", "3-http-error"},
}

// Every rule has executions that exist and show it, every execution belongs to a section of the
// rules, and there are enough executions.
func TestEveryRuleIsShown(t *testing.T) {
	var names []string
	for _, x := range executions() {
		names = append(names, x.name)
	}
	if len(names) < 120 {
		t.Errorf("%d executions", len(names))
	}
	sections := map[string]bool{}
	for _, number := range slices.Sorted(maps.Keys(rules)) {
		section, _, _ := strings.Cut(number, ".")
		sections[section] = true
		for _, name := range rules[number] {
			if !slices.Contains(names, name) {
				t.Errorf("rule %s: there is no execution %s", number, name)
			}
		}
	}
	if len(sections) != 12 {
		t.Errorf("the rules have 12 sections, and these are named: %v", sections)
	}
	for _, name := range names {
		if section, _, _ := strings.Cut(name, "-"); !sections[section] {
			t.Errorf("%s belongs to no rule", name)
		}
	}
}
