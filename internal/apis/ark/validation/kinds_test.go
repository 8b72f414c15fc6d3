package validation_test

import (
	"strings"
	"testing"
)

func TestAgent(t *testing.T) {
	check(t, "v1alpha1", "Agent", []example{
		{"nothing is required", `spec: {}`, nil},
		{"no spec", ``, nil},
		{"complete", `
spec:
  prompt: ""
  modelRef: {name: default, namespace: ""}
  executionEngine: {name: a2a}
  parameters: [{name: p, value: ""}]
  outputSchema: {type: object}
  overrides: [{resourceType: model, headers: []}]
  tools:
  - {type: built-in, name: noop}
  - {type: http, name: weather, functions: [{name: f}], partial: {name: other, parameters: [{name: city, value: Rome}]}}
  - {type: mcp, approval: {required: true, timeout: 5m, onTimeout: proceed, argumentMatches: [{argument: "", pattern: ""}]}}
`, nil},
		{"empty names", `
spec:
  modelRef: {}
  executionEngine: {name: ""}
  parameters: [{value: v}]
  tools: [{type: mcp, name: "", partial: {name: "", parameters: [{}]}, functions: [{}]}]
`, []string{
			"spec.executionEngine.name: FieldValueRequired",
			"spec.modelRef.name: FieldValueRequired",
			"spec.parameters[0].name: FieldValueRequired",
			"spec.tools[0].functions[0].name: FieldValueRequired",
			"spec.tools[0].name: FieldValueTooShort",
			"spec.tools[0].partial.name: FieldValueTooShort",
			"spec.tools[0].partial.parameters[0].name: FieldValueRequired",
		}},
		{"tools", `
spec: {tools: [{name: x}, {type: shell}, {type: mcp, approval: {onTimeout: wait, argumentMatches: [{}]}}]}
`, []string{
			"spec.tools[0].type: FieldValueRequired",
			"spec.tools[1].type: FieldValueNotSupported",
			"spec.tools[2].approval.argumentMatches[0].argument: FieldValueRequired",
			"spec.tools[2].approval.argumentMatches[0].pattern: FieldValueRequired",
			"spec.tools[2].approval.onTimeout: FieldValueNotSupported",
		}},
		{"output schema", `spec: {outputSchema: [1]}`, []string{"spec.outputSchema: FieldValueTypeInvalid"}},
		{"overrides", `
spec: {overrides: [{}, {resourceType: agent, headers: [{}], labelSelector: {matchExpressions: [{}]}}]}
`, []string{
			"spec.overrides[0].headers: FieldValueRequired",
			"spec.overrides[0].resourceType: FieldValueRequired",
			"spec.overrides[1].headers[0].name: FieldValueRequired",
			"spec.overrides[1].headers[0].value: FieldValueRequired",
			"spec.overrides[1].labelSelector.matchExpressions[0].key: FieldValueRequired",
			"spec.overrides[1].labelSelector.matchExpressions[0].operator: FieldValueRequired",
			"spec.overrides[1].resourceType: FieldValueNotSupported",
		}},
	})
}

func TestModel(t *testing.T) {
	check(t, "v1alpha1", "Model", []example{
		{"smallest", `spec: {model: {}, provider: openai, config: {}}`, nil},
		{"no spec", ``, []string{
			"spec.config: FieldValueRequired", "spec.model: FieldValueRequired", "spec.provider: FieldValueRequired",
		}},
		{"old type without provider", `spec: {model: {value: m}, type: openai, config: {}}`, []string{"spec.provider: FieldValueRequired"}},
		{"enums", `spec: {model: {}, provider: acme, type: chat, config: {}}`, []string{
			"spec.provider: FieldValueNotSupported", "spec.type: FieldValueNotSupported",
		}},
		{"empty blocks", `
spec: {model: {}, provider: azure, config: {openai: {}, azure: {auth: {managedIdentity: {}, workloadIdentity: {}}}, bedrock: {}, anthropic: {}}}
`, []string{
			"spec.config.anthropic.apiKey: FieldValueRequired",
			"spec.config.anthropic.baseUrl: FieldValueRequired",
			"spec.config.azure.auth.workloadIdentity.clientId: FieldValueRequired",
			"spec.config.azure.auth.workloadIdentity.tenantId: FieldValueRequired",
			"spec.config.azure.baseUrl: FieldValueRequired",
			"spec.config.openai.apiKey: FieldValueRequired",
			"spec.config.openai.baseUrl: FieldValueRequired",
		}},
		{"bedrock bounds", `spec: {model: {}, provider: bedrock, config: {bedrock: {maxTokens: 100000, temperature: "0.25"}}}`, nil},
		{"bedrock too low", `spec: {model: {}, provider: bedrock, config: {bedrock: {maxTokens: 0, temperature: ""}}}`, []string{
			"spec.config.bedrock.maxTokens: FieldValueInvalid", "spec.config.bedrock.temperature: FieldValueInvalid",
		}},
		{"bedrock too high", `spec: {model: {}, provider: bedrock, config: {bedrock: {maxTokens: 100001, temperature: "1.1"}}}`, []string{
			"spec.config.bedrock.maxTokens: FieldValueInvalid", "spec.config.bedrock.temperature: FieldValueInvalid",
		}},
		{"properties", `
spec: {model: {}, provider: bedrock, config: {bedrock: {properties: {top_p: {valueFrom: {secretKeyRef: {name: s}}}}}}}
`, []string{"spec.config.bedrock.properties[top_p].valueFrom.secretKeyRef.key: FieldValueRequired"}},
	})
}

func TestQuery(t *testing.T) {
	check(t, "v1alpha1", "Query", []example{
		{"text", `spec: {input: hello, target: {type: agent, name: a}}`, nil},
		{"empty text", `spec: {input: ""}`, nil},
		{"list", `spec: {input: [{role: user, content: hello}]}`, nil},
		{"number", `spec: {input: 0}`, nil},
		{"null", `spec: {input: null}`, nil},
		{"no input", `spec: {}`, []string{"spec.input: FieldValueRequired"}},
		{"old type", `spec: {input: [], type: messages}`, []string{"spec.type: FieldValueNotSupported"}},
		{"empty strings", `
spec: {input: x, serviceAccount: "", sessionId: "", conversationId: "", memory: {}, target: {}, selector: {matchExpressions: [{operator: In}]}}
`, []string{
			"spec.conversationId: FieldValueTooShort",
			"spec.memory.name: FieldValueRequired",
			"spec.selector.matchExpressions[0].key: FieldValueRequired",
			"spec.serviceAccount: FieldValueTooShort",
			"spec.sessionId: FieldValueTooShort",
			"spec.target.name: FieldValueRequired",
			"spec.target.type: FieldValueRequired",
		}},
		{"target", `spec: {input: x, target: {type: memory, name: m}}`, []string{"spec.target.type: FieldValueNotSupported"}},
		{"status", `
spec: {input: x}
status: {tokenUsage: {}, response: {target: {type: team, name: t}, content: ""}, duration: 3s}
`, nil},
		{"bad status", `
spec: {input: x}
status: {phase: finished, conversationId: "", response: {target: {}}}
`, []string{
			"status.conversationId: FieldValueTooShort",
			"status.phase: FieldValueNotSupported",
			"status.response.target.name: FieldValueRequired",
			"status.response.target.type: FieldValueRequired",
		}},
		{"empty phase", `
spec: {input: x}
status: {phase: ""}
`, []string{"status.phase: FieldValueNotSupported"}},
	})
}

func TestTeam(t *testing.T) {
	check(t, "v1alpha1", "Team", []example{
		{"no members", `spec: {members: [], strategy: sequential}`, nil},
		{"empty member name", `spec: {members: [{name: "", type: team}], strategy: graph, graph: {edges: [{from: "", to: ""}]}}`, nil},
		{"no spec", ``, []string{"spec.members: FieldValueRequired", "spec.strategy: FieldValueRequired"}},
		{"members", `spec: {members: [{}, {name: a, type: tool}], strategy: random, graph: {}}`, []string{
			"spec.graph.edges: FieldValueRequired",
			"spec.members[0].name: FieldValueRequired",
			"spec.members[0].type: FieldValueRequired",
			"spec.members[1].type: FieldValueNotSupported",
			"spec.strategy: FieldValueNotSupported",
		}},
		{"edges", `spec: {members: [], strategy: graph, graph: {edges: [{}]}}`, []string{
			"spec.graph.edges[0].from: FieldValueRequired", "spec.graph.edges[0].to: FieldValueRequired",
		}},
	})
}

func TestTool(t *testing.T) {
	check(t, "v1alpha1", "Tool", []example{
		{"smallest", `spec: {type: builtin}`, nil},
		{"http", `spec: {type: http, http: {url: "https://example.com/{x}", timeout: "30"}, inputSchema: {type: object}}`, nil},
		{"no type", `spec: {}`, []string{"spec.type: FieldValueRequired"}},
		{"bad http", `
spec: {type: shell, inputSchema: text, http: {url: ftp://x, method: HEAD, timeout: 1.5s, headers: [{}], bodyParameters: [{}]}}
`, []string{
			"spec.http.bodyParameters[0].name: FieldValueRequired",
			"spec.http.headers[0].name: FieldValueRequired",
			"spec.http.headers[0].value: FieldValueRequired",
			"spec.http.method: FieldValueNotSupported",
			"spec.http.timeout: FieldValueInvalid",
			"spec.http.url: FieldValueInvalid",
			"spec.inputSchema: FieldValueTypeInvalid",
			"spec.type: FieldValueNotSupported",
		}},
		{"no url", `spec: {type: http, http: {}}`, []string{"spec.http.url: FieldValueRequired"}},
		{"empty blocks", `spec: {type: mcp, mcp: {}, agent: {}, team: {name: ""}, builtin: {}, inline: {}}`, []string{
			"spec.agent.name: FieldValueRequired",
			"spec.builtin.name: FieldValueRequired",
			"spec.inline.language: FieldValueRequired",
			"spec.inline.source: FieldValueRequired",
			"spec.mcp.mcpServerRef: FieldValueRequired",
			"spec.mcp.toolName: FieldValueRequired",
			"spec.team.name: FieldValueRequired",
		}},
		{"inline", `spec: {type: inline, inline: {language: perl, source: ` + strings.Repeat("x", 65537) + `}}`, []string{
			"spec.inline.language: FieldValueNotSupported", "spec.inline.source: FieldValueTooLong",
		}},
		{"two conditions of one type", `
spec: {type: builtin}
status:
  conditions:
  - {type: Available, status: "True", reason: R, message: m, lastTransitionTime: 2025-01-31T12:00:00Z}
  - {type: Available, status: "False", reason: R, message: m, lastTransitionTime: 2025-01-31T12:00:00Z}
`, []string{"status.conditions[1]: FieldValueDuplicate"}},
	})
}

func TestMCPServer(t *testing.T) {
	const address = "address: {value: 'http://x'}, "
	check(t, "v1alpha1", "MCPServer", []example{
		{"smallest", `spec: {address: {}}`, nil},
		{"no address", `spec: {}`, []string{"spec.address: FieldValueRequired"}},
		{"transport", `spec: {` + address + `transport: stdio}`, []string{"spec.transport: FieldValueNotSupported"}},
		{"empty transport", `spec: {` + address + `transport: ""}`, []string{"spec.transport: FieldValueNotSupported"}},
		{"tool call timeout", `spec: {` + address + `toolCallTimeout: 1h1.5m10ms}`, nil},
		{"bad tool call timeout", `spec: {` + address + `toolCallTimeout: 10 minutes}`, []string{"spec.toolCallTimeout: FieldValueInvalid"}},
		{"authorization", `
spec: {` + address + `authorization: {tokenSecretRef: {name: ""}, clientCredentials: {clientID: "", clientAuthentication: {privateKeyJWT: {secretKeyRef: {name: k}}}}}}
`, nil},
		{"empty authorization", `spec: {` + address + `authorization: {clientCredentials: {}}}`, []string{
			"spec.authorization.clientCredentials.clientAuthentication: FieldValueRequired",
			"spec.authorization.clientCredentials.clientID: FieldValueRequired",
			"spec.authorization.tokenSecretRef: FieldValueRequired",
		}},
		{"no method", `
spec: {` + address + `authorization: {tokenSecretRef: {}, clientCredentials: {clientID: c, clientAuthentication: {}}}}
`, []string{
			"spec.authorization.clientCredentials.clientAuthentication: FieldValueInvalid",
			"spec.authorization.tokenSecretRef.name: FieldValueRequired",
		}},
		{"algorithm", `
spec: {` + address + `authorization: {tokenSecretRef: {name: t}, clientCredentials: {clientID: c, clientAuthentication: {privateKeyJWT: {algorithm: none, secretKeyRef: {}}}}}}
status: {authorization: {state: Maybe}}
`, []string{
			"spec.authorization.clientCredentials.clientAuthentication.privateKeyJWT.algorithm: FieldValueNotSupported",
			"spec.authorization.clientCredentials.clientAuthentication.privateKeyJWT.secretKeyRef.name: FieldValueRequired",
			"status.authorization.state: FieldValueNotSupported",
		}},
	})
}

func TestMemory(t *testing.T) {
	check(t, "v1alpha1", "Memory", []example{
		{"no spec", ``, []string{"spec.address: FieldValueRequired"}},
		{"phase", `
spec: {address: {}}
status: {phase: running}
`, nil},
		{"bad phase", `
spec: {address: {}}
status: {phase: Running}
`, []string{"status.phase: FieldValueNotSupported"}},
	})
}

func TestA2ATask(t *testing.T) {
	const spec = "spec: {queryRef: {name: q}, a2aServerRef: {name: s}, agentRef: {}, taskId: t}\n"
	check(t, "v1alpha1", "A2ATask", []example{
		{"smallest", spec, nil},
		{"approval", "spec: {queryRef: {name: q}, agentRef: {}, taskId: t}\nstatus: {phase: input-required}", nil},
		{"approval of a typed client", "spec: {queryRef: {name: q}, a2aServerRef: {}, agentRef: {}, taskId: t}", nil},
		{"nameless server", `spec: {queryRef: {name: q}, a2aServerRef: {name: ""}, agentRef: {}, taskId: t}`, []string{
			"spec.a2aServerRef.name: FieldValueTooShort",
		}},
		{"no spec", ``, []string{
			"spec.agentRef: FieldValueRequired", "spec.queryRef: FieldValueRequired", "spec.taskId: FieldValueRequired",
		}},
		{"results", spec + `
status:
  artifacts: [{artifactId: a, parts: []}]
  history: [{role: user, parts: [{kind: text, text: ""}]}]
  lastStatusMessage: {role: agent, parts: []}
`, nil},
		{"empty results", spec + `
status: {artifacts: [{}], history: [{}], lastStatusMessage: {parts: [{}]}}
`, []string{
			"status.artifacts[0].artifactId: FieldValueRequired",
			"status.artifacts[0].parts: FieldValueRequired",
			"status.history[0].parts: FieldValueRequired",
			"status.history[0].role: FieldValueRequired",
			"status.lastStatusMessage.parts[0].kind: FieldValueRequired",
			"status.lastStatusMessage.role: FieldValueRequired",
		}},
		{"enums", spec + `
status: {phase: canceled, protocolState: cancelled, history: [{role: tool, parts: [{kind: image}]}]}
`, []string{
			"status.history[0].parts[0].kind: FieldValueNotSupported",
			"status.history[0].role: FieldValueNotSupported",
			"status.phase: FieldValueNotSupported",
			"status.protocolState: FieldValueNotSupported",
		}},
	})
}

func TestArkConfig(t *testing.T) {
	check(t, "v1alpha1", "ArkConfig", []example{
		{"empty", ``, nil},
		{"complete", `spec: {queryTTL: 24h, defaultMemory: {name: default}}`, nil},
		{"no memory name", `spec: {defaultMemory: {}}`, []string{"spec.defaultMemory.name: FieldValueRequired"}},
	})
}

func TestA2AServer(t *testing.T) {
	check(t, "v1prealpha1", "A2AServer", []example{
		{"smallest", `spec: {address: {}}`, nil},
		{"hosts", `spec: {address: {value: a}, allowedEndpointHosts: [example.com, "*.example.com:8443", A-1]}`, nil},
		{"bad", `spec: {endpointResolution: card, allowedEndpointHosts: ["", "http://x", "*", "` + strings.Repeat("a", 260) + `"]}`, []string{
			"spec.address: FieldValueRequired",
			"spec.allowedEndpointHosts[0]: FieldValueInvalid",
			"spec.allowedEndpointHosts[1]: FieldValueInvalid",
			"spec.allowedEndpointHosts[2]: FieldValueInvalid",
			"spec.allowedEndpointHosts[3]: FieldValueTooLong",
			"spec.endpointResolution: FieldValueNotSupported",
		}},
	})
}

func TestExecutionEngine(t *testing.T) {
	check(t, "v1prealpha1", "ExecutionEngine", []example{
		{"smallest", `spec: {address: {}}`, nil},
		{"no spec", ``, []string{"spec.address: FieldValueRequired"}},
		{"service without name", `spec: {address: {valueFrom: {serviceRef: {}}}}`, []string{"spec.address.valueFrom.serviceRef.name: FieldValueRequired"}},
	})
}
