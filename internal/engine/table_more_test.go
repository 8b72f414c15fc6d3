package engine

import "github.com/mckinsey/ark-server/internal/engine/scripted"

// asking returns a query with its own input.
func asking(input, target, more string) string {
	return `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: '` + input + `', target: ` + target + more + `}`
}

// calling returns a turn with several calls.
func calling(calls ...scripted.Call) scripted.Answer { return scripted.Answer{Calls: calls} }

const (
	toA = `{type: agent, name: a}`
	// cautious has two tools, one of which needs an approval.
	cautiousTools = `{type: http, name: lookup}, {type: builtin, name: noop, approval: {required: true`
	strict        = `{type: object, properties: {answer: {type: string, minLength: 2}}, required: [answer]}`
)

func cautious(more string) string {
	return agentOf("a", `{prompt: "Ask first.", tools: [`+cautiousTools+more+`}}]}`)
}

// heldTurn returns a turn in which one call needs an approval and one does not.
func heldTurn() scripted.Answer {
	return calling(scripted.Call{ID: "look", Name: "lookup", Arguments: `{"city":"Oslo","unit":"C"}`}, scripted.Call{ID: "act", Name: "noop", Arguments: `{"message":"act"}`})
}

const (
	yes = `{"decision":"approved"}`
	no  = `{"decision":"rejected"}`
)

func init() {
	for name, said := range map[string][]string{
		"7-approved": {yes}, "7-rejected": {no}, "7-timeout-rejects": {""}, "7-timeout-proceeds": {""}, "7-unreadable-decision": {"yes, please"},
		"7-unknown-decision": {`{"decision":"perhaps"}`}, "7-refused-too-often": {no, no, no, no}, "7-approved-again": {yes, yes}, "7-team-goes-on": {yes},
		"7-agent-as-a-tool": {yes}, "7-tool-has-the-rule": {yes}, "7-tool-is-the-target": {yes}, "7-target-rejected": {no}, "7-approved-call-fails": {yes},
		"7-arguments-match": {yes}, "7-arguments-no-json": {no}, "7-refusals-are-reset": {no, yes, no},
	} {
		decisions[name] = said
	}
}

// moreExecutions returns the rest of the table.
func moreExecutions() []recorded {
	choose := func(name string) scripted.Answer { return call("select-next-speaker", `{"name":"`+name+`"}`) }
	held := func() []scripted.Answer { return []scripted.Answer{heldTurn(), {Text: "Done."}} }
	memory := func(place string) string {
		return `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Memory
metadata: {name: default}
spec: {address: {value: "{{` + place + `}}"}, headers: [{name: X-Token, value: {valueFrom: {secretKeyRef: {name: keys, key: team}}}}]}
---`
	}
	return []recorded{
		{"1-tool-fails", toolOf("broken", `{type: http, http: {url: "{{tool}}/fail"}}`) + ask(`{type: tool, name: broken}`, ""), nil},
		{"1-selector-model", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: "Who?", selector: {matchLabels: {tier: small}}}`, texts("The model.")},
		{"1-session", ask(toPlain, ", sessionId: s1, ttl: 1h"), texts("Fine.")},

		{"2-input-service-parameter", asking("{{.x}}", toPlain, `, parameters: [{name: x, valueFrom: {serviceRef: {name: web}}}]`), nil},
		{"2-input-empty-parameter", asking("[{{.x}}]", toPlain, `, parameters: [{name: x, valueFrom: {configMapKeyRef: {name: settings, key: empty}}}]`), texts("ok")},
		{"2-input-functions", asking(`{{printf "%s!" .x | len}} {{if eq .x "a"}}yes{{end}}`, toPlain, `, parameters: [{name: x, value: a}]`), texts("ok")},
		{"2-prompt-secret", agentOf("a", `{prompt: "For {{.team}}.", parameters: [{name: team, valueFrom: {secretKeyRef: {name: keys, key: team}}}]}`) + ask(toA, ""), texts("ok")},
		{"2-prompt-sees-its-own-parameters", agentOf("a", `{prompt: "{{.own}} {{.user}}", parameters: [{name: own, value: mine}]}`) +
			ask(toA, `, parameters: [{name: user, value: yours}]`), texts("ok")},
		{"2-prompt-bad-template", agentOf("a", `{prompt: "{{.own", parameters: [{name: own, value: mine}]}`) + ask(toA, ""), nil},

		{"3-one-tool-twice", ask(toTooled, ""), []scripted.Answer{
			calling(scripted.Call{ID: "1", Name: "noop", Arguments: `{"message":"a"}`}, scripted.Call{ID: "2", Name: "noop", Arguments: `{"message":"b"}`}), {Text: "ok"}}},
		{"3-null-arguments", ask(toTooled, ""), []scripted.Answer{call("noop", `null`), {Text: "ok"}}},
		{"3-no-arguments", ask(toTooled, ""), []scripted.Answer{call("noop", ``), {Text: "ok"}}},
		{"3-text-then-terminate", ask(toTooled, ""), []scripted.Answer{{Text: "Before.", Calls: []scripted.Call{{Name: "terminate", Arguments: `{"response":"The end."}`}}}}},
		{"3-terminate-with-nothing", ask(toTooled, ""), []scripted.Answer{{Text: "Before.", Calls: []scripted.Call{{Name: "terminate", Arguments: `{"response":""}`}}}}},
		{"3-tool-unreachable", toolOf("gone", `{type: http, http: {url: "http://127.0.0.1:1/"}}`) + agentOf("a", `{tools: [{type: http, name: gone}]}`) + ask(toA, ""), []scripted.Answer{call("gone", `{}`)}},
		{"3-output-schema-violated", agentOf("a", `{outputSchema: `+strict+`}`) + ask(toA, ""), texts(`{"answer":"x"}`)},
		{"3-output-schema-no-json", agentOf("a", `{outputSchema: `+strict+`}`) + ask(toA, ""), texts("It is fine.")},
		{"3-output-schema-unusable", agentOf("a", `{outputSchema: {"$ref": "#"}}`) + ask(toA, ""), texts(`{}`)},
		{"3-output-schema-with-tools", agentOf("a", `{outputSchema: `+strict+`, tools: [{type: builtin, name: noop}]}`) + ask(toA, ""), []scripted.Answer{call("noop", `{}`), {Text: `{"answer":"fine"}`}}},
		{"3-output-schema-of-the-last-member", agentOf("a", `{outputSchema: `+strict+`}`) + team(`{strategy: sequential, members: [{name: plain, type: agent}, {name: a, type: agent}]}`) + ask(toTeam, ""),
			texts("One.", `{"answer":"fine"}`)},

		{"4-agent-tool-without-input", toolOf("helper", `{type: agent, agent: {name: second}}`) + agentOf("a", `{tools: [{type: agent, name: helper}]}`) + ask(toA, ""), []scripted.Answer{call("helper", `{}`)}},
		{"4-agent-tool-says-nothing", toolOf("helper", `{type: agent, agent: {name: second}}`) + agentOf("a", `{tools: [{type: agent, name: helper}]}`) + ask(toA, ""),
			[]scripted.Answer{call("helper", `{"input":"Help!"}`), {Text: ""}}},
		{"4-agent-tool-fails", toolOf("helper", `{type: agent, agent: {name: second}}`) + agentOf("a", `{tools: [{type: agent, name: helper}]}`) + ask(toA, ""),
			[]scripted.Answer{call("helper", `{"input":"Help!"}`), {Status: 400, Text: "no"}}},
		{"4-team-tool-missing", toolOf("crew", `{type: team, team: {name: nobody}}`) + agentOf("a", `{tools: [{type: team, name: crew}]}`) + ask(toA, ""), []scripted.Answer{call("crew", `{"input":"Go"}`)}},
		{"4-one-name-twice", toolOf("other", `{type: http, description: "the other", http: {url: "{{tool}}/other"}}`) +
			agentOf("a", `{tools: [{type: http, name: lookup}, {type: http, name: lookup, partial: {name: other}}]}`) + ask(toA, ""), []scripted.Answer{call("lookup", `{}`), {Text: "ok"}}},
		{"4-description-of-the-agent", agentOf("a", `{tools: [{type: http, name: lookup, description: "mine"}]}`) + ask(toA, ""), texts("ok")},

		{"5-loops-until-terminate", team(`{strategy: sequential, loops: true, maxTurns: 9, members: [{name: plain, type: agent}, {name: tooled, type: agent}]}`) + ask(toTeam, ""),
			[]scripted.Answer{{Text: "One."}, call("terminate", `{"response":"Enough."}`)}},
		{"5-loops-member-fails", team(`{strategy: sequential, loops: true, maxTurns: 4, `+both+`}`) + ask(toTeam, ""), []scripted.Answer{{Text: "One."}, {Status: 400, Text: "no"}}},
		{"5-nested-terminate", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Team
metadata: {name: inner}
spec: {strategy: sequential, members: [{name: tooled, type: agent}, {name: plain, type: agent}]}
---` + team(`{strategy: sequential, members: [{name: inner, type: team}, {name: second, type: agent}]}`) + ask(toTeam, ""),
			[]scripted.Answer{call("terminate", `{"response":"Inner end."}`), {Text: "Outer goes on."}}},
		{"5-selector-graph-asks", team(`{strategy: selector, maxTurns: 2, selector: {agent: plain}, graph: {edges: [{from: plain, to: second}, {from: plain, to: tooled}]}, members: [{name: plain, type: agent}, {name: second, type: agent}, {name: tooled, type: agent}]}`) + ask(toTeam, ""),
			[]scripted.Answer{choose("plain"), {Text: "One."}, choose("tooled"), {Text: "Two."}}},
		{"5-selector-terminate-without-text", team(`{strategy: selector, maxTurns: 3, selector: {agent: plain, enableTerminateTool: true}, `+both+`}`) + ask(toTeam, ""),
			[]scripted.Answer{choose("second"), {Text: "Said."}, call("terminate", `{}`)}},
		{"5-selector-unreadable-choice", team(`{strategy: selector, maxTurns: 3, selector: {agent: plain}, `+both+`}`) + ask(toTeam, ""), []scripted.Answer{call("select-next-speaker", `second`)}},

		{"7-approved", cautious("") + ask(toA, ""), held()},
		{"7-rejected", cautious("") + ask(toA, ""), held()},
		{"7-timeout-rejects", cautious(", timeout: 2s") + ask(toA, ""), held()},
		{"7-timeout-proceeds", cautious(", timeout: 2s, onTimeout: proceed") + ask(toA, ""), held()},
		{"7-unreadable-decision", cautious("") + ask(toA, ""), held()},
		{"7-unknown-decision", cautious("") + ask(toA, ""), held()},
		{"7-waits", cautious(", timeout: 1h") + ask(toA, ""), held()},
		{"7-arguments-match", cautious(`, argumentMatches: [{argument: message, pattern: "^a"}]`) + ask(toA, ""), held()},
		{"7-arguments-do-not-match", cautious(`, argumentMatches: [{argument: message, pattern: "^x"}, {argument: absent, pattern: ".*"}]`) + ask(toA, ""), held()},
		{"7-arguments-no-json", cautious(`, argumentMatches: [{argument: message, pattern: "^x"}]`) + ask(toA, ""), []scripted.Answer{call("noop", `{"mess`), {Text: "Done."}}},
		{"7-refused-too-often", cautious("") + ask(toA, ""), []scripted.Answer{call("noop", `{}`), call("noop", `{}`), call("noop", `{}`), call("noop", `{}`)}},
		{"7-refusals-are-reset", cautious("") + ask(toA, ""), []scripted.Answer{call("noop", `{}`), call("noop", `{}`), call("noop", `{}`), {Text: "Done."}}},
		{"7-approved-again", cautious("") + ask(toA, ""), []scripted.Answer{heldTurn(), call("noop", `{"message":"more"}`), {Text: "Done."}}},
		{"7-team-goes-on", cautious("") + team(`{strategy: sequential, members: [{name: plain, type: agent}, {name: a, type: agent}, {name: second, type: agent}]}`) + ask(toTeam, ""),
			[]scripted.Answer{{Text: "First."}, heldTurn(), {Text: "Done."}, {Text: "Last."}}},
		{"7-agent-as-a-tool", cautious("") + toolOf("helper", `{type: agent, agent: {name: a}}`) + agentOf("boss", `{prompt: "Lead.", tools: [{type: agent, name: helper}]}`) + ask(`{type: agent, name: boss}`, ""),
			[]scripted.Answer{call("helper", `{"input":"Act!"}`), heldTurn(), {Text: "Acted."}, {Text: "Led."}}},
		{"7-tool-has-the-rule", toolOf("guarded", `{type: http, http: {url: "{{tool}}/guarded"}, approval: {required: true, timeout: 1h}}`) +
			agentOf("a", `{tools: [{type: http, name: guarded}]}`) + ask(toA, ""), []scripted.Answer{call("guarded", `{}`), {Text: "Done."}}},
		{"7-tool-is-the-target", toolOf("guarded", `{type: http, http: {url: "{{tool}}/guarded"}, approval: {required: true}}`) + ask(`{type: tool, name: guarded}`, ""), nil},
		{"7-target-rejected", toolOf("guarded", `{type: http, http: {url: "{{tool}}/guarded"}, approval: {required: true}}`) + ask(`{type: tool, name: guarded}`, ""), nil},
		{"7-approved-call-fails", toolOf("broken", `{type: http, http: {url: "{{tool}}/fail"}}`) + agentOf("a", `{tools: [{type: http, name: broken, approval: {required: true}}]}`) + ask(toA, ""),
			[]scripted.Answer{call("broken", `{}`), {Text: "It did not work."}}},

		{"8-memory-missing", ask(toPlain, ", memory: {name: nowhere}"), nil},
		{"8-history", memory("memory") + ask(toPlain, ", conversationId: c1"), texts("As I said.")},
		{"8-history-unreadable", memory("forgetful") + ask(toPlain, ", conversationId: c1"), texts("Who are you?")},
	}
}
