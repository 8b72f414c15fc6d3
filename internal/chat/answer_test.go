package chat

import (
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func done(content, raw string) *v1alpha1.Query {
	return &v1alpha1.Query{Status: &v1alpha1.QueryStatus{Response: &v1alpha1.QueryResponse{Content: &content, Raw: &raw}}}
}

// said returns what a client receives of an answer: texts, tool calls and the finish reason.
func said(a *answer, q *v1alpha1.Query, chunks ...string) string {
	var out []string
	add := func(p part) {
		if p.content != "" {
			out = append(out, p.content)
		}
		if p.calls != nil {
			out = append(out, "calls:"+string(p.calls))
		}
	}
	for _, c := range chunks {
		if p, ok := a.take([]byte(c)); ok {
			add(p)
		}
	}
	add(a.rest(q))
	return strings.Join(append(out, a.finish()), "|")
}

func TestAnswers(t *testing.T) {
	const (
		hello  = `{"choices":[{"delta":{"content":"Hel"}}],"ark":{"agent":"guide"}}`
		lo     = `{"choices":[{"delta":{"content":"lo"},"finish_reason":null}],"ark":{"agent":"guide"}}`
		stop   = `{"choices":[{"delta":{},"finish_reason":"stop"}],"ark":{"agent":"guide"}}`
		length = `{"choices":[{"delta":{},"finish_reason":"length"}]}`
		usage  = `{"choices":[],"usage":{"total_tokens":3}}`
		call   = `{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}}]}`
		args   = `{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}`
		called = `{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}`
		again  = `{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`
		final  = `{"id":"chatcmpl-final","choices":[{"delta":{"content":""}}],"ark":{"completedQuery":{}}}`
		failed = `{"error":{"message":"x"},"ark":{}}`
		editor = `{"choices":[{"delta":{"content":"Short"}}],"ark":{"agent":"default/editor","team":"news"}}`
		other  = `{"choices":[{"delta":{"content":"Long"}}],"ark":{"agent":"guide","team":"news"}}`
	)
	const callsWhole = `[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]`
	for name, c := range map[string]struct {
		answer answer
		query  *v1alpha1.Query
		chunks []string
		want   string
	}{
		"no stream":              {query: done("Hello", ""), want: "Hello|stop"},
		"nothing":                {query: done("", ""), want: "stop"},
		"whole stream":           {query: done("Hello", ""), chunks: []string{hello, lo, stop, usage, final}, want: "Hel|lo|stop"},
		"the end is missing":     {query: done("Hello", ""), chunks: []string{hello}, want: "Hel|lo|stop"},
		"cut by the model":       {query: done("Hel", ""), chunks: []string{hello, length}, want: "Hel|length"},
		"garbage":                {query: done("Hello", ""), chunks: []string{"[]", `"x"`, "{}", failed}, want: "Hello|stop"},
		"tools of an agent":      {query: done("Hello", ""), chunks: []string{call, args, called, again, hello, lo, stop}, want: "Hel|lo|stop"},
		"text before tools":      {query: done("lo", ""), chunks: []string{hello, call, called, lo, stop}, want: "Hel|lo|stop"},
		"answer by terminate":    {query: done("Bye", ""), chunks: []string{hello, call, called}, want: "Hel|\n\nBye|stop"},
		"tools of the client":    {answer: answer{tools: true}, query: done("", ""), chunks: []string{call, args, called, again, final}, want: `calls:` + callsWhole + `|calls:[{"index":0,"function":{"arguments":"{}"}}]|tool_calls`},
		"the same, unstreamed":   {answer: answer{tools: true}, query: done("", `[{"role":"assistant","tool_calls":[{"id":"c1"}]}]`), want: `calls:[{"id":"c1","index":0}]|tool_calls`},
		"a team":                 {answer: answer{team: true}, query: done("Short", ""), chunks: []string{other, editor}, want: "Short|stop"},
		"a team's last speaker":  {answer: answer{team: true, speaker: "editor"}, query: done("Short", ""), chunks: []string{other, stop, editor}, want: "Short|stop"},
		"a team that ends early": {answer: answer{team: true, speaker: "editor"}, query: done("Long", ""), chunks: []string{other}, want: "Long|stop"},
		"a team, all of it":      {answer: answer{team: true, all: true}, query: done("Short", ""), chunks: []string{other, editor}, want: "Long|Short|stop"},
	} {
		if got := said(&c.answer, c.query, c.chunks...); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestRequests(t *testing.T) {
	const model, user = `"model":"agent/a"`, `"messages":[{"role":"user","content":"hi"}]`
	for body, want := range map[string]string{
		`{` + model + `,` + user + `}`: "",
		`{` + model + `,` + user + `,"n":1,"temperature":1.0,"stop":null,"response_format":{ "type": "text" },"unknown":[1]}`:    "",
		`{` + model + `,` + user + `,"temperature":0.5,"seed":7,"stop":["a"],"max_tokens":5}`:                                    "max_tokens seed stop temperature",
		`{` + model + `,` + user + `,"user":"me","tool_choice":"auto"}`:                                                          "",
		`{` + model + `,"messages":[{"role":"developer","content":[{"type":"text","text":"x"}]},{"role":"user","content":"y"}]}`: "",
		`[]`:                            "error: invalid_json",
		`{` + user + `}`:                "error: invalid_value model",
		`{` + model + `}`:               "error: invalid_value messages",
		`{` + model + `,"messages":[]}`: "error: invalid_value messages",
		`{` + model + `,"messages":[{"role":"robot","content":"x"}]}`:                     "error: invalid_value messages[0].role",
		`{` + model + `,"messages":[{"role":"user","content":5}]}`:                        "error: invalid_value messages[0].content",
		`{` + model + `,"messages":[{"role":"user"}]}`:                                    "error: invalid_value messages[0].content",
		`{` + model + `,"messages":[{"role":"tool","content":"x"}]}`:                      "error: invalid_value messages[0].tool_call_id",
		`{` + model + `,"messages":[{"role":"user","content":[{"type":"input_audio"}]}]}`: "error: unsupported_parameter messages[0].content",
		`{` + model + `,` + user + `,"n":2}`:                                              "error: unsupported_parameter n",
		`{` + model + `,` + user + `,"temperature":"hot"}`:                                "error: invalid_value temperature",
		`{` + model + `,` + user + `,"stream":"yes"}`:                                     "error: invalid_value stream",
		`{` + model + `,` + user + `,"stream_options":{"include_usage":true}}`:            "error: invalid_value stream_options",
		`{` + model + `,` + user + `,"metadata":{"a":1}}`:                                 "error: invalid_value metadata",
		`{` + model + `,` + user + `,"tools":[{"type":"custom"}]}`:                        "error: unsupported_parameter tools[0]",
	} {
		r, fault := parseRequest([]byte(body))
		got := ""
		if fault != nil {
			got = "error: " + *fault.Code
			if fault.Param != nil {
				got += " " + *fault.Param
			}
		} else {
			got = strings.Join(r.needed(), " ")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestTargets(t *testing.T) {
	for id, want := range map[string]target{
		"agent/a": {kind: "agent", name: "a"}, "ns/team/b": {"ns", "team", "b"}, "tool/t": {kind: "tool", name: "t"}, "model/m": {kind: "model", name: "m"},
	} {
		if got, ok := parseTarget(id); !ok || got != want {
			t.Errorf("%s: got %+v, %v", id, got, ok)
		}
	}
	for _, id := range []string{"gpt-4", "agent/", "/agent/x", "secret/x", "a/b/c/d", "agent//x"} {
		if got, ok := parseTarget(id); ok {
			t.Errorf("%s is %+v", id, got)
		}
	}
}
