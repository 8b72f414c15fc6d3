package chat

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// readResponse parses a request of the Responses API that continues no other response.
func readResponse(body string) (*request, *responseFormat, *Fault) {
	f := &responseFormat{}
	x := &exchange{server: &Server{}, r: httptest.NewRequest("POST", "/v1/responses", nil), out: f}
	r, fault := f.read(x, asker{}, []byte(body))
	return r, f, back(fault)
}

// TestResponseRequests checks that a request becomes the messages and parameters of chat
// completions, or a fault that names its own parameter.
func TestResponseRequests(t *testing.T) {
	const model = `"model":"agent/a","input":"hi"`
	for body, want := range map[string]string{
		`{` + model + `}`: `[{"role":"user","content":"hi"}]`,
		`{` + model + `,"instructions":"Be kind.","store":false,"truncation":"disabled","include":[],"background":false}`:                                                                                                                                                                            `[{"role":"system","content":"Be kind."} {"role":"user","content":"hi"}]`,
		`{"model":"m","input":[{"role":"developer","content":"a"},{"type":"message","role":"user","content":[{"type":"input_text","text":"b"},{"type":"input_image","image_url":"data:x"}]}]}`:                                                                                                       `[{"role":"system","content":"a"} {"role":"user","content":[{"type":"text","text":"b"},{"type":"image_url","image_url":{"url":"data:x"}}]}]`,
		`{"model":"m","input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"type":"function_call","call_id":"2","name":"g","arguments":"[]"},{"type":"function_call_output","call_id":"1","output":"x"}]}`:                                     `[{"role":"user","content":"a"} {"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"2","type":"function","function":{"name":"g","arguments":"[]"}}]} {"role":"tool","content":"x","tool_call_id":"1"}]`,
		`{"model":"m","input":[{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[{"type":"output_text","text":"x","annotations":[]}]},{"role":"user","content":"y"}]}`:                                                                                               `[{"role":"assistant","content":"x"} {"role":"user","content":"y"}]`,
		`{` + model + `,"max_output_tokens":5,"temperature":0.5,"text":{"format":{"type":"json_schema","name":"n","schema":{}},"verbosity":"low"},"reasoning":{"effort":"low"},"tools":[{"type":"function","name":"f","parameters":{},"strict":true}],"tool_choice":{"type":"function","name":"f"}}`: `[{"role":"user","content":"hi"}] max_completion_tokens=5 reasoning_effort="low" response_format={"json_schema":{"name":"n","schema":{}},"type":"json_schema"} temperature=0.5 tool_choice={"function":{"name":"f"},"type":"function"} verbosity="low" tool={"function":{"name":"f","parameters":{},"strict":true},"type":"function"}`,
		`[]`:                       "error: invalid_json",
		`{"input":"x"}`:            "error: invalid_value model",
		`{"model":"m"}`:            "error: invalid_value input",
		`{"model":"m","input":[]}`: "error: invalid_value input",
		`{"model":"m","input":[{"type":"reasoning"}]}`:                              "error: unsupported_parameter input[0].type",
		`{"model":"m","input":[{"type":"function_call_output","output":"x"}]}`:      "error: invalid_value input[0].call_id",
		`{"model":"m","input":[{"role":"robot","content":"x"}]}`:                    "error: invalid_value input[0].role",
		`{"model":"m","input":[{"role":"user","content":[{"type":"input_file"}]}]}`: "error: unsupported_parameter input[0].content",
		`{` + model + `,"truncation":"auto"}`:                                       "error: unsupported_parameter truncation",
		`{` + model + `,"conversation":"conv_1"}`:                                   "error: unsupported_parameter conversation",
		`{` + model + `,"reasoning":{"summary":"auto"}}`:                            "error: unsupported_parameter reasoning.summary",
		`{` + model + `,"text":{"format":{"type":"grammar"}}}`:                      "error: unsupported_parameter text.format",
		`{` + model + `,"max_output_tokens":"many"}`:                                "error: invalid_value max_output_tokens",
		`{` + model + `,"tools":[{"type":"web_search"}]}`:                           "error: unsupported_parameter tools",
		`{` + model + `,"tool_choice":{"type":"mcp"}}`:                              "error: unsupported_parameter tool_choice",
		`{` + model + `,"include":["message.output_text.logprobs"]}`:                "error: unsupported_parameter include",
		`{` + model + `,"store":true}`:                                              "error: unsupported_parameter store", // the requests are not stored here
		`{` + model + `,"background":true}`:                                         "error: invalid_value background",
		`{` + model + `,"previous_response_id":"resp_x"}`:                           "error: previous_response_not_found previous_response_id",
		`{` + model + `,"stream":"yes"}`:                                            "error: invalid_value stream",
	} {
		r, _, fault := readResponse(body)
		got := ""
		if fault != nil {
			got = "error: " + *fault.Code
			if fault.Param != nil {
				got += " " + *fault.Param
			}
		} else {
			var messages []string
			for _, m := range r.messages {
				messages = append(messages, string(m.encoded))
			}
			got = "[" + strings.Join(messages, " ") + "]"
			for _, name := range r.needed() {
				if name != "tools" {
					got += " " + name + "=" + string(r.carried[name])
				}
			}
			for _, tool := range r.tools {
				got += " tool=" + string(tool)
			}
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", body, got, want)
		}
	}
}

// TestResponseItems checks that a model's output is sent back to it unchanged.
func TestResponseItems(t *testing.T) {
	q := done("I call", `[{"role":"assistant","content":"I call","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}]`)
	q.UID = "u"
	r := response{id: "resp_u", query: q, kept: keptResponse{Asked: responseAsked{Tools: []json.RawMessage{encode(1)}}}}
	if got, want := string(r.said()), `{"role":"assistant","content":"I call","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}`; got != want {
		t.Errorf("got %s", got)
	}
	want := `[{"type":"message","id":"msg_u_0","status":"completed","role":"assistant","content":[{"type":"output_text","text":"I call","annotations":[],"logprobs":[]}]},` +
		`{"type":"function_call","id":"fc_u_1","status":"completed","call_id":"c1","name":"f","arguments":"{}"}]`
	if got := string(encode(r.kept.Asked.visible(outputOf(q)))); got != want {
		t.Errorf("got %s", got)
	}
	r.kept.Asked.Tools = nil // the calls of an agent are not the client's
	if got := r.kept.Asked.visible(outputOf(q)); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}
