// Package registrytest has one realistic object for every Ark kind, for tests that go
// over all kinds, and what helps to compare them.
//
// The package may import the standard library only.
package registrytest

import (
	"encoding/json"
	"fmt"
)

// Sample is what a test needs to know to exercise a kind.
type Sample struct {
	Kind    string
	Version string // the version within the group, such as v1alpha1
	Plural  string
	// ClusterScoped kinds have no namespace.
	ClusterScoped bool
	// Spec is valid; Changed is a JSON merge patch to it that changes it.
	Spec, Changed string
	// Status is a valid status with a value for every printed column.
	Status string
	// Needs are the objects that the spec refers to, as JSON without a namespace.
	Needs []string
}

// NeededObjects returns the objects that must exist in the namespace before the
// sample can be created.
func (s Sample) NeededObjects(namespace string) []map[string]any {
	var out []map[string]any
	for _, text := range s.Needs {
		obj := decode(text)
		obj["metadata"].(map[string]any)["namespace"] = namespace
		out = append(out, obj)
	}
	return out
}

const (
	secretKeys      = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"keys"},"stringData":{"openai":"sk-sample"}}`
	agentResearcher = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"researcher"},"spec":{}}`
	agentWriter     = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"writer"},"spec":{}}`
)

// Object returns the sample as JSON, without a status.
func (s Sample) Object(namespace, name string) map[string]any {
	meta := map[string]any{"name": name}
	if !s.ClusterScoped {
		meta["namespace"] = namespace
	}
	return map[string]any{
		"apiVersion": "ark.mckinsey.com/" + s.Version,
		"kind":       s.Kind,
		"metadata":   meta,
		"spec":       decode(s.Spec),
	}
}

// StatusValue returns the status as JSON.
func (s Sample) StatusValue() map[string]any { return decode(s.Status) }

func decode(text string) map[string]any {
	var value map[string]any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("a sample is not JSON: %v: %s", err, text)) // the samples are constants
	}
	return value
}

const condition = `{"type":%q,"status":"True","reason":"Fine","message":"all is well","lastTransitionTime":"2026-01-02T03:04:05Z","observedGeneration":1}`

func conditions(types ...string) string {
	text := ""
	for i, t := range types {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(condition, t)
	}
	return "[" + text + "]"
}

// Samples returns one sample for every kind of the API.
func Samples() []Sample {
	return []Sample{
		{
			Kind: "Agent", Version: "v1alpha1", Plural: "agents",
			Spec:    `{"prompt":"You find sources.","modelRef":{"name":"gpt"},"tools":[{"type":"mcp","name":"web-search"}]}`,
			Changed: `{"prompt":"You find good sources."}`,
			Status:  `{"conditions":` + conditions("Other", "Available") + `}`,
		},
		{
			Kind: "Model", Version: "v1alpha1", Plural: "models",
			Spec:    `{"model":{"value":"gpt-5"},"provider":"openai","config":{"openai":{"baseUrl":{"value":"https://api.example.com/v1"},"apiKey":{"valueFrom":{"secretKeyRef":{"name":"keys","key":"openai"}}}}}}`,
			Changed: `{"model":{"value":"gpt-6"}}`,
			Status:  `{"resolvedAddress":"https://api.example.com/v1","conditions":` + conditions("ModelAvailable") + `}`,
			Needs:   []string{secretKeys},
		},
		{
			Kind: "Query", Version: "v1alpha1", Plural: "queries",
			Spec:    `{"input":"What is new?","target":{"type":"agent","name":"researcher"}}`,
			Changed: `{"cancel":true}`,
			Status:  `{"phase":"done","duration":"1m30s","response":{"content":"Nothing."},"conditions":` + conditions("Completed") + `}`,
			Needs:   []string{agentResearcher},
		},
		{
			Kind: "Team", Version: "v1alpha1", Plural: "teams",
			Spec:    `{"strategy":"sequential","members":[{"name":"researcher","type":"agent"},{"name":"writer","type":"agent"}]}`,
			Changed: `{"description":"Finds and writes."}`,
			Status:  `{"conditions":` + conditions("Available") + `}`,
			Needs:   []string{agentResearcher, agentWriter},
		},
		{
			Kind: "Tool", Version: "v1alpha1", Plural: "tools",
			Spec:    `{"type":"http","description":"Looks up the weather.","http":{"url":"https://weather.example.com"},"inputSchema":{"type":"object","properties":{"city":{"type":"string"}}}}`,
			Changed: `{"description":"Looks up the weather of a city."}`,
			Status:  `{"state":"Ready","message":"ready"}`,
		},
		{
			Kind: "MCPServer", Version: "v1alpha1", Plural: "mcpservers",
			Spec:    `{"address":{"value":"http://mcp.example.com"},"transport":"http"}`,
			Changed: `{"description":"Searches the web."}`,
			Status:  `{"resolvedAddress":"http://mcp.example.com","toolCount":3,"authorization":{"state":"Authorized"},"conditions":` + conditions("Available", "Discovering") + `}`,
		},
		{
			Kind: "Memory", Version: "v1alpha1", Plural: "memories",
			Spec:    `{"address":{"value":"http://memory.example.com"}}`,
			Changed: `{"address":{"value":"http://memory2.example.com"}}`,
			Status:  `{"phase":"ready","lastResolvedAddress":"http://memory.example.com"}`,
		},
		{
			Kind: "A2ATask", Version: "v1alpha1", Plural: "a2atasks",
			Spec:    `{"taskId":"t-1","queryRef":{"name":"q"},"a2aServerRef":{"name":"s"},"agentRef":{"name":"a"}}`,
			Changed: `{"priority":3}`,
			Status:  `{"phase":"running","contextId":"c-1"}`,
		},
		{
			Kind: "ArkConfig", Version: "v1alpha1", Plural: "arkconfigs", ClusterScoped: true,
			Spec:    `{"queryTTL":"720h"}`,
			Changed: `{"queryTTL":"24h"}`,
			Status:  `{}`,
		},
		{
			Kind: "A2AServer", Version: "v1prealpha1", Plural: "a2aservers",
			Spec:    `{"address":{"value":"http://a2a.example.com"}}`,
			Changed: `{"description":"Translates."}`,
			Status:  `{"lastResolvedAddress":"http://a2a.example.com","lastResolvedEndpoint":"http://a2a.example.com/rpc","conditions":` + conditions("Ready", "Discovering") + `}`,
		},
		{
			Kind: "ExecutionEngine", Version: "v1prealpha1", Plural: "executionengines",
			Spec:    `{"address":{"value":"http://engine.example.com"}}`,
			Changed: `{"description":"Runs agents."}`,
			Status:  `{"phase":"ready","lastResolvedAddress":"http://engine.example.com"}`,
		},
	}
}
