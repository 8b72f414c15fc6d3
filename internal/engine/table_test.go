package engine

import (
	"strings"

	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// commonObjects are in the namespace of every execution.
const commonObjects = `
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {key: sk-secret, team: blue-team}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {city: Oslo, empty: ""}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: default, labels: {tier: small}}
spec:
  model: {value: gpt-test}
  provider: openai
  config: {openai: {baseUrl: {value: "{{model}}/v1"}, apiKey: {valueFrom: {secretKeyRef: {name: keys, key: key}}}}}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata: {name: plain}
spec: {prompt: "Be brief.", description: "answers briefly"}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata: {name: second}
spec: {prompt: "Be second."}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Tool
metadata: {name: lookup}
spec:
  type: http
  description: Look a city up
  inputSchema: {type: object, properties: {city: {type: string}, unit: {type: string}}, required: [city, unit]}
  http: {url: "{{tool}}/city?q={city}&u={unit}", headers: [{name: X-Token, value: {valueFrom: {secretKeyRef: {name: keys, key: team}}}}]}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Tool
metadata: {name: noop}
spec: {type: builtin, builtin: {name: noop}}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Tool
metadata: {name: terminate}
spec: {type: builtin, builtin: {name: terminate}}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata: {name: tooled}
spec: {prompt: "Use tools.", tools: [{type: http, name: lookup}, {type: builtin, name: noop}, {type: builtin, name: terminate}]}
`

// ask returns a query to a target.
func ask(target, more string) string {
	return `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: "How is it?", target: ` + target + more + `}`
}

func texts(all ...string) []scripted.Answer {
	out := make([]scripted.Answer, len(all))
	for i, text := range all {
		out[i] = scripted.Answer{Text: text}
	}
	return out
}

func call(name, arguments string) scripted.Answer {
	return scripted.Answer{Calls: []scripted.Call{{Name: name, Arguments: arguments}}}
}

const (
	toPlain  = `{type: agent, name: plain}`
	toTooled = `{type: agent, name: tooled}`
	toTeam   = `{type: team, name: t}`
)

func team(spec string) string {
	return `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Team
metadata: {name: t}
spec: ` + spec + "\n---\n"
}

func agentOf(name, spec string) string {
	return `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata: {name: ` + name + `}
spec: ` + spec + "\n---\n"
}

func toolOf(name, spec string) string {
	return `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Tool
metadata: {name: ` + name + `}
spec: ` + spec + "\n---\n"
}

const both = `members: [{name: plain, type: agent}, {name: second, type: agent}]`

// executions is the table. The first number in a name is the section of the rules that the
// execution shows: 1 the life of a query, 2 input and templates, 3 the agent's loop, 4 tools, 5
// teams, 6 MCP, 7 approvals, 8 memory, 9 models, 10 remote agents.
func executions() []recorded {
	choose := func(name string) scripted.Answer { return call("select-next-speaker", `{"name":"`+name+`"}`) }
	return append([]recorded{
		{"1-agent", ask(toPlain, ""), texts("Fine.")},
		{"1-model", ask(`{type: model, name: default}`, ""), texts("Fine.")},
		{"1-tool", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: '{"city": "Oslo & Bergen", "unit": "C"}', target: {type: tool, name: lookup}}`, nil},
		{"1-tool-plain-input", ask(`{type: tool, name: noop}`, ""), nil},
		{"1-selector", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata: {name: chosen, labels: {role: chosen}}
spec: {prompt: "Be chosen."}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: "Who?", selector: {matchLabels: {role: chosen}}}`, texts("Me.")},
		{"1-selector-none", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: "Who?", selector: {matchLabels: {role: nobody}}}`, nil},
		{"1-canceled-before", ask(toPlain, ", cancel: true"), nil},
		{"1-timeout", ask(toPlain, ", timeout: 5s"), []scripted.Answer{{Hang: true}}},
		{"1-provider-error", ask(toPlain, ""), []scripted.Answer{{Status: 401, Text: "Incorrect API key provided: sk-secret"}}},

		{"8-no-memory", ask(toPlain, ", conversationId: c1"), texts("ok")},

		{"2-input-verbatim", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: "Say {{.city}} {{", target: {type: agent, name: plain}}`, texts("ok")},
		{"2-input-parameters", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec:
  input: "{{.city}} {{.given}} {{.team}} {{.missing}}"
  target: {type: agent, name: plain}
  parameters:
  - {name: city, valueFrom: {configMapKeyRef: {name: settings, key: city}}}
  - {name: given, value: "{{.city}}"}
  - {name: team, valueFrom: {secretKeyRef: {name: keys, key: team}}}`, texts("ok")},
		{"2-input-bad-template", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: "{{.city", target: {type: agent, name: plain}, parameters: [{name: city, value: Oslo}]}`, nil},
		{"2-prompt-parameters", agentOf("templated", `{prompt: "In {{.place}} for {{.who}}.", parameters: [{name: place, valueFrom: {configMapKeyRef: {name: settings, key: city}}}, {name: who, valueFrom: {queryParameterRef: {name: user}}}]}`) +
			ask(`{type: agent, name: templated}`, `, parameters: [{name: user, value: "{{.place}}"}]`), texts("ok")},
		{"2-prompt-parameter-missing", agentOf("templated", `{prompt: "For {{.who}}.", parameters: [{name: who, valueFrom: {queryParameterRef: {name: user}}}]}`) +
			ask(`{type: agent, name: templated}`, ""), nil},
		{"2-prompt-verbatim", agentOf("braces", `{prompt: "Keep {{.this}}"}`) + ask(`{type: agent, name: braces}`, ""), texts("ok")},
		{"2-prompt-empty", agentOf("silent", `{description: none}`) + ask(`{type: agent, name: silent}`, ""), texts("ok")},

		{"3-tools-in-order", ask(toTooled, ""), []scripted.Answer{
			{Text: "Let me see.", Calls: []scripted.Call{{Name: "lookup", Arguments: `{"city":"Oslo","unit":"C"}`}, {Name: "noop", Arguments: `{"message":"x"}`}}},
			{Text: "It is fine."},
		}},
		{"3-terminate", ask(toTooled, ""), []scripted.Answer{
			{Calls: []scripted.Call{{Name: "terminate", Arguments: `{"response":"The end."}`}, {Name: "noop", Arguments: `{}`}}},
		}},
		{"3-terminate-without-response", ask(toTooled, ""), []scripted.Answer{call("terminate", `{}`)}},
		{"3-unknown-tool", ask(toTooled, ""), []scripted.Answer{call("nothing", `{}`)}},
		{"3-bad-arguments", ask(toTooled, ""), []scripted.Answer{call("lookup", `{"city":`)}},
		{"3-http-error", toolOf("broken", `{type: http, http: {url: "{{tool}}/fail"}}`) +
			agentOf("a", `{tools: [{type: http, name: broken}]}`) + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("broken", `{}`)}},
		{"3-empty-text", ask(toPlain, ""), texts("")},
		{"3-output-schema", agentOf("a", `{outputSchema: {type: object, properties: {answer: {type: string}}}}`) +
			ask(`{type: agent, name: a}`, ""), texts(`{"answer":"ok"}`)},
		{"3-no-model", agentOf("a", `{modelRef: {name: missing}}`) + ask(`{type: agent, name: a}`, ""), nil},
		{"2-engine-missing", agentOf("a", `{executionEngine: {name: langchain}}`) + ask(`{type: agent, name: a}`, ""), nil},
		{"2-engine", engineOf + agentOf("a", `{executionEngine: {name: langchain}}`) + ask(`{type: agent, name: a}`, `, conversationId: c1`), nil},
		{"2-engine-fails", engineOf + agentOf("a", `{executionEngine: {name: langchain}}`) + `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q}
spec: {input: fail, target: {type: agent, name: a}}`, nil},
		{"5-member-on-an-engine", engineOf + agentOf("a", `{executionEngine: {name: langchain}}`) +
			team(`{strategy: sequential, members: [{name: plain, type: agent}, {name: a, type: agent}]}`) + ask(toTeam, ""), texts("One.")},
		{"5-selector-on-an-engine", engineOf + agentOf("a", `{executionEngine: {name: langchain}}`) +
			team(`{strategy: selector, maxTurns: 2, selector: {agent: a}, `+both+`}`) + ask(toTeam, ""), nil},

		{"10-message", a2aOf("old", "") + ask(`{type: agent, name: far}`, ""), nil},
		{"10-version-1", a2aOf("new", "") + ask(`{type: agent, name: far}`, ""), nil},
		{"10-headers", a2aOf("new", ", headers: [{name: X-Token, value: {valueFrom: {secretKeyRef: {name: keys, key: team}}}}]") + saying("headers"), nil},
		{"10-context", a2aOf("old", "") + `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q, annotations: {ark.mckinsey.com/a2a-context-id: ctx-1}}
spec: {input: Hello, target: {type: agent, name: far}}`, nil},
		{"10-task-artifacts", a2aOf("old", "") + saying("task"), nil},
		{"10-task-history", a2aOf("new", "") + saying("history"), nil},
		{"10-task-fails", a2aOf("old", "") + saying("fail"), nil},
		{"10-task-input-required", a2aOf("old", "") + saying("input"), nil},
		{"10-timeout", a2aOf("new", ", timeout: 200ms") + saying("hang"), nil},
		{"10-no-annotations", agentOf("far", `{executionEngine: {name: a2a}}`) + ask(`{type: agent, name: far}`, ""), nil},
		{"10-no-server", strings.Split(a2aOf("old", ""), "\n---")[1] + "\n---" + ask(`{type: agent, name: far}`, ""), nil},
		{"10-as-a-tool", a2aOf("old", "") + toolOf("helper", `{type: agent, agent: {name: far}}`) +
			agentOf("a", `{tools: [{type: agent, name: helper}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("helper", `{"input":"Help!"}`), {Text: "Helped."}}},

		{"4-http-post", toolOf("post", `{type: http, http: {url: "{{tool}}/post", method: POST, body: '{"q":"{{ .input.q }}","c":"{{ .city }}"}', bodyParameters: [{name: city, valueFrom: {configMapKeyRef: {name: settings, key: city}}}]}}`) +
			agentOf("a", `{tools: [{type: http, name: post}]}`) + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("post", `{"q":"{{.city}}"}`), {Text: "ok"}}},
		{"4-http-large", toolOf("large", `{type: http, http: {url: "{{tool}}/large"}}`) +
			agentOf("a", `{tools: [{type: http, name: large}]}`) + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("large", `{}`)}},
		{"4-http-result-too-large-to-store", toolOf("medium", `{type: http, http: {url: "{{tool}}/medium"}}`) +
			agentOf("a", `{tools: [{type: http, name: medium}]}`) + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("medium", `{}`), {Text: "ok"}}},
		{"4-http-timeout-and-unknown-places", toolOf("odd", `{type: http, http: {url: "{{tool}}/x?a={a}&b={b}", timeout: 20s}}`) +
			agentOf("a", `{tools: [{type: http, name: odd}]}`) + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("odd", `{"a":"1 2","c":"3"}`), {Text: "ok"}}},
		{"4-partial", agentOf("a", `{tools: [{type: http, name: find, partial: {name: lookup, parameters: [{name: unit, value: "{{.Query.unit}}"}]}}]}`) +
			ask(`{type: agent, name: a}`, `, parameters: [{name: unit, value: F}]`), []scripted.Answer{call("find", `{"city":"Oslo","unit":"K"}`), {Text: "ok"}}},
		{"4-partial-without-properties", toolOf("bare", `{type: http, http: {url: "{{tool}}/bare"}, inputSchema: {type: object}}`) +
			agentOf("a", `{tools: [{type: http, name: bare, partial: {parameters: [{name: x, value: z}]}}]}`) + ask(`{type: agent, name: a}`, ""), nil},
		{"4-agent-tool", toolOf("helper", `{type: agent, agent: {name: second}}`) +
			agentOf("a", `{prompt: "Lead.", tools: [{type: agent, name: helper, description: "helps"}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("helper", `{"input":"Help!"}`), {Text: "Helping."}, {Text: "Helped."}}},
		{"4-agent-tool-is-itself", toolOf("self", `{type: agent, agent: {name: a}}`) +
			agentOf("a", `{tools: [{type: agent, name: self}]}`) + ask(`{type: agent, name: a}`, ""), func() (out []scripted.Answer) {
			for range 20 {
				out = append(out, call("self", `{"input":"again"}`))
			}
			return out
		}()},
		{"4-team-tool", toolOf("crew", `{type: team, team: {name: t}}`) + team(`{strategy: sequential, `+both+`}`) +
			agentOf("a", `{tools: [{type: team, name: crew}]}`) + ask(`{type: agent, name: a}`, ""),
			append([]scripted.Answer{call("crew", `{"input":"Go"}`)}, texts("One.", "Two.", "Done.")...)},
		{"4-tool-missing", agentOf("a", `{tools: [{type: http, name: gone}]}`) + ask(`{type: agent, name: a}`, ""), nil},
		{"4-functions", toolOf("far", `{type: http, http: {url: "{{tool}}/json"}}`) +
			agentOf("a", `{tools: [{type: http, name: far, functions: [{name: shout, value: x}, {name: jq, value: ".items[] | .name"}, {name: jq, value: "map(ascii_upcase)"}]}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{}`), {Text: "ok"}}},
		{"4-functions-no-output", toolOf("far", `{type: http, http: {url: "{{tool}}/json"}}`) +
			agentOf("a", `{tools: [{type: http, name: far, functions: [{name: jq, value: "empty"}]}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{}`), {Text: "ok"}}},
		{"4-functions-no-json", agentOf("a", `{tools: [{type: http, name: lookup, functions: [{name: jq, value: ".x"}]}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("lookup", `{"city":"Oslo","unit":"C"}`), {Text: "ok"}}},
		{"4-functions-bad-filter", toolOf("far", `{type: http, http: {url: "{{tool}}/json"}}`) +
			agentOf("a", `{tools: [{type: http, name: far, functions: [{name: jq, value: ".["}]}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{}`)}},
		{"4-functions-endless", toolOf("far", `{type: http, http: {url: "{{tool}}/json"}}`) +
			agentOf("a", `{tools: [{type: http, name: far, functions: [{name: jq, value: "last(repeat(1))"}]}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{}`)}},

		{"6-http", mcpOf("", `{}`) + far("echo") + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{"q":"x"}`), {Text: "ok"}}},
		{"6-sse", mcpOf("sse", `{}`) + far("echo") + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{"q":"x"}`), {Text: "ok"}}},
		{"6-stateless-json", mcpOf("stateless", `{}`) + far("echo") + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{"q":"x"}`), {Text: "ok"}}},
		{"6-headers", mcpOf("", `{headers: [{name: X-Token, value: {valueFrom: {secretKeyRef: {name: keys, key: team}}}}, {name: X-Agent, value: {value: server}}], authorization: {tokenSecretRef: {name: keys, accessTokenKey: key}}}`) +
			toolOf("far", `{type: mcp, mcp: {mcpServerRef: {name: far}, toolName: headers}}`) +
			agentOf("a", `{tools: [{type: mcp, name: far}], overrides: [{resourceType: mcpserver, headers: [{name: x-agent, value: {value: agent}}]}, {resourceType: model, headers: [{name: X-Model, value: {value: wrong}}]}]}`) +
			ask(`{type: agent, name: a}`, `, overrides: [{resourceType: mcpserver, headers: [{name: X-Query, value: {value: query}}]}]`),
			[]scripted.Answer{call("far", `{}`), {Text: "ok"}}},
		{"6-arguments-no-json", mcpOf("", `{}`) + far("echo") + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{"q":`), {Text: "ok"}}},
		{"6-tool-fails", mcpOf("", `{}`) + far("fail") + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("far", `{}`), {Text: "It does not work."}}},
		{"6-protocol-error", mcpOf("", `{}`) + far("unknown") + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("far", `{}`)}},
		{"6-images", mcpOf("", `{}`) + toolOf("far", `{type: mcp, mcp: {mcpServerRef: {name: far}, toolName: picture}}`) +
			agentOf("a", `{tools: [{type: mcp, name: far}, {type: builtin, name: noop}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{{Calls: []scripted.Call{{Name: "far", Arguments: `{}`}, {Name: "noop", Arguments: `{}`}}}, {Text: "A dot."}}},
		{"6-result-too-large", mcpOf("", `{}`) + far("large") + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("far", `{}`)}},
		{"6-call-timeout", mcpOf("", `{toolCallTimeout: 100ms}`) + far("hang") + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("far", `{}`)}},
		{"6-settings", mcpOf("", `{}`) + far("echo") + `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q, annotations: {ark.mckinsey.com/mcp-server-settings: '{"6-settings/far":{"toolCalls":[{"name":"echo","arguments":{"q":"first"}}],"headers":{"X-Settings":"yes"}},"other/far":{"toolCalls":[{"name":"fail"}]}}'}}
spec: {input: Hello, target: {type: agent, name: a}}`, []scripted.Answer{call("far", `{"q":"then"}`), {Text: "ok"}}},
		{"6-settings-call-fails", mcpOf("", `{}`) + far("echo") + `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Query
metadata: {name: q, annotations: {ark.mckinsey.com/mcp-server-settings: '{"6-settings-call-fails/far":{"toolCalls":[{"name":"fail"}]}}'}}
spec: {input: Hello, target: {type: agent, name: a}}`, []scripted.Answer{call("far", `{}`)}},
		{"6-unauthorized", mcpOf("locked", `{}`) + far("echo") + ask(`{type: agent, name: a}`, ""), []scripted.Answer{call("far", `{}`)}},
		{"6-unreachable-but-unused", mcpOf("nowhere", `{timeout: 1s}`) + far("echo") + ask(`{type: agent, name: a}`, ""), texts("Not needed.")},
		{"6-no-server", far("echo") + ask(`{type: agent, name: a}`, ""), nil},
		{"6-tool-is-the-target", mcpOf("", `{}`) + far("echo") + ask(`{type: tool, name: far}`, ""), nil},
		{"6-target-fails", mcpOf("", `{}`) + far("fail") + ask(`{type: tool, name: far}`, ""), nil},

		{"5-sequential", team(`{strategy: sequential, `+both+`}`) + ask(toTeam, ""), texts("One.", "Two.")},
		{"5-sequential-member-fails", team(`{strategy: sequential, `+both+`}`) + ask(toTeam, ""), append(texts("One."), scripted.Answer{Status: 400, Text: "no"})},
		{"5-sequential-terminate", team(`{strategy: sequential, members: [{name: tooled, type: agent}, {name: plain, type: agent}]}`) + ask(toTeam, ""),
			[]scripted.Answer{call("terminate", `{"response":"Early."}`)}},
		{"5-loops", team(`{strategy: sequential, loops: true, maxTurns: 3, `+both+`}`) + ask(toTeam, ""), texts("One.", "Two.", "Three.")},
		{"5-nested", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Team
metadata: {name: inner}
spec: {strategy: sequential, members: [{name: plain, type: agent}]}
---` + team(`{strategy: sequential, members: [{name: inner, type: team}, {name: second, type: agent}]}`) + ask(toTeam, ""), texts("In.", "Out.")},
		{"5-selector", team(`{strategy: selector, maxTurns: 2, selector: {agent: plain}, `+both+`}`) + ask(toTeam, ""),
			[]scripted.Answer{choose("second"), {Text: "First said."}, choose("plain"), {Text: "Then said."}}},
		{"5-selector-prompt", team(`{strategy: selector, maxTurns: 1, selector: {agent: second, selectorPrompt: "Use select-next-speaker: {{.Roles}} | {{.Participants}} | {{.History}}"}, `+both+`}`) + ask(toTeam, ""),
			[]scripted.Answer{choose("plain"), {Text: "{{.Roles}}"}}},
		{"5-selector-bad-choice", team(`{strategy: selector, maxTurns: 2, selector: {agent: plain}, `+both+`}`) + ask(toTeam, ""), []scripted.Answer{choose("stranger")}},
		{"5-selector-no-call", team(`{strategy: selector, maxTurns: 2, selector: {agent: plain}, `+both+`}`) + ask(toTeam, ""), texts("second, please")},
		{"5-selector-terminate", team(`{strategy: selector, maxTurns: 3, selector: {agent: plain, enableTerminateTool: true}, `+both+`}`) + ask(toTeam, ""),
			[]scripted.Answer{choose("second"), {Text: "Said."}, call("terminate", `{"response":"That is all."}`)}},
		{"5-selector-error", team(`{strategy: selector, maxTurns: 2, selector: {agent: plain}, `+both+`}`) + ask(toTeam, ""), []scripted.Answer{{Status: 400, Text: "no"}}},
		{"5-selector-graph", team(`{strategy: selector, maxTurns: 5, selector: {agent: plain}, graph: {edges: [{from: plain, to: second}]}, `+both+`}`) + ask(toTeam, ""),
			[]scripted.Answer{choose("plain"), {Text: "One."}, {Text: "Two."}}},

		{"9-azure", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: az}
spec: {model: {value: "my model"}, provider: azure, config: {azure: {baseUrl: {value: "{{model}}"}, apiVersion: {value: 2025-01-01}, auth: {apiKey: {valueFrom: {secretKeyRef: {name: keys, key: key}}}}}}}
---` + ask(`{type: model, name: az}`, ""), texts("ok")},
		{"9-anthropic", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: claude}
spec: {model: {value: claude-test}, provider: anthropic, config: {anthropic: {baseUrl: {value: "{{model}}"}, apiKey: {valueFrom: {secretKeyRef: {name: keys, key: key}}}, properties: {max_tokens: {value: "77"}}}}}
---` + agentOf("a", `{prompt: "Be kind.", modelRef: {name: claude}, tools: [{type: builtin, name: noop}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("noop", `{"message":"x"}`), {Text: "Kind."}}},
		{"9-properties-and-headers", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: tuned}
spec: {model: {value: gpt-test}, provider: openai, config: {openai: {baseUrl: {value: "{{model}}/v1/"}, apiKey: {value: open}, headers: [{name: X-Team, value: {valueFrom: {secretKeyRef: {name: keys, key: team}}}}], properties: {temperature: {value: "0.5"}, logprobs: {value: "true"}, user: {value: "12"}, stop: {value: "7"}, metadata: {value: '{"a":1}'}, top_k: {valueFrom: {configMapKeyRef: {name: settings, key: city}}}}}}}
---` + ask(`{type: model, name: tuned}`, ""), texts("ok")},
		{"9-overrides", agentOf("a", `{overrides: [{resourceType: model, headers: [{name: X-Team, value: {value: agents}}, {name: X-Agent, value: {value: a}}]}]}`) +
			ask(`{type: agent, name: a}`, `, parameters: [{name: who, value: red}], overrides: [{resourceType: model, labelSelector: {matchLabels: {tier: small}}, headers: [{name: X-Team, value: {value: query}}]}, {resourceType: model, labelSelector: {matchLabels: {tier: large}}, headers: [{name: X-Team, value: {value: wrong}}]}]`), texts("ok")},
		{"9-retried", ask(toPlain, ""), []scripted.Answer{{Status: 500, Text: "busy"}, {Status: 429, Text: "slow down"}, {Text: "Fine."}}},
		{"9-retry-after-too-late", ask(toPlain, ""), []scripted.Answer{{Status: 429, Text: "come back tomorrow", RetryAfter: "86400"}}},
		{"9-retried-in-vain", ask(toPlain, ""), []scripted.Answer{{Status: 503, Text: "a"}, {Status: 503, Text: "b"}, {Status: 503, Text: "c"}, {Status: 503, Text: "d"}}},
		{"9-broken-stream", ask(toPlain, ""), []scripted.Answer{{Text: "half of it", Break: true}}},
		{"9-bedrock", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: aws}
spec: {model: {value: claude-test}, provider: bedrock, config: {bedrock: {region: {value: eu-central-1}, baseUrl: {value: "{{model}}"}, apiKey: {valueFrom: {secretKeyRef: {name: keys, key: key}}}, maxTokens: 77, temperature: "0.5", properties: {top_k: {value: "5"}}}}}
---` + agentOf("a", `{prompt: "Be kind.", modelRef: {name: aws}, outputSchema: {type: string}, tools: [{type: builtin, name: noop}]}`) + ask(`{type: agent, name: a}`, ""),
			[]scripted.Answer{call("noop", `{"message":"x"}`), {Text: `"Kind."`}}},
		{"9-bedrock-throttled", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: aws}
spec: {model: {value: x}, provider: bedrock, config: {bedrock: {region: {value: eu-central-1}, baseUrl: {value: "{{model}}"}, accessKeyId: {value: AKIA}, secretAccessKey: {valueFrom: {secretKeyRef: {name: keys, key: key}}}, modelArn: {value: "arn:aws:bedrock:eu-central-1:1:inference-profile/x"}}}}
---` + ask(`{type: model, name: aws}`, ""), []scripted.Answer{{Status: 429, Text: "slow down"}, {Text: "Fine."}}},
		{"9-bedrock-refused", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: aws}
spec: {model: {value: x}, provider: bedrock, config: {bedrock: {region: {value: eu-central-1}, baseUrl: {value: "{{model}}"}, apiKey: {valueFrom: {secretKeyRef: {name: keys, key: key}}}}}}
---` + ask(`{type: model, name: aws}`, ""), []scripted.Answer{{Status: 403, Text: "no access with sk-secret"}}},
		{"9-bedrock-broken-stream", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: aws}
spec: {model: {value: x}, provider: bedrock, config: {bedrock: {region: {value: eu-central-1}, baseUrl: {value: "{{model}}"}, apiKey: {value: k}}}}
---` + ask(`{type: model, name: aws}`, ""), []scripted.Answer{{Text: "half of it", Break: true}}},
		{"9-bedrock-no-region", `
apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: aws}
spec: {model: {value: x}, provider: bedrock, config: {bedrock: {apiKey: {value: k}}}}
---` + ask(`{type: model, name: aws}`, ""), nil},
	}, moreExecutions()...)
}
