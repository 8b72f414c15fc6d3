package chat

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// responseAsked has the fields of the request that a response repeats, in the form that clients of
// the API expect.
type responseAsked struct {
	Model        string                     `json:"model"`
	Previous     *string                    `json:"previous_response_id"`
	Instructions *string                    `json:"instructions"`
	Tools        []json.RawMessage          `json:"tools"`
	Values       map[string]json.RawMessage `json:"values,omitempty"`
	Metadata     map[string]string          `json:"metadata"`
	Store        bool                       `json:"store"`
	Background   bool                       `json:"background"`
}

// asIs are the parameters that both APIs have, and renamed those that chat completions have under
// another name.
var (
	asIs = []string{
		"temperature", "top_p", "presence_penalty", "frequency_penalty", "parallel_tool_calls", "user", "safety_identifier",
		"prompt_cache_key", "service_tier", "seed", "stop", "logit_bias", "stream", "metadata", "top_logprobs",
	}
	renamed = map[string]string{"max_output_tokens": "max_completion_tokens"}
)

// responseNever are parameters that no engine supports, with the values that are equivalent to
// omitting them.
var responseNever = map[string]field{
	"truncation":         {form: isText, without: []string{`"disabled"`}},
	"max_tool_calls":     {form: isInteger},
	"conversation":       {form: isChoice},
	"prompt":             {form: isObject},
	"context_management": {form: isList, without: []string{"[]"}},
}

// read implements format.
func (f *responseFormat) read(x *exchange, who asker, body []byte) (*request, *Fault) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, invalid("", "invalid_json", "the body is no JSON object: %v", err)
	}
	maps.DeleteFunc(all, func(_ string, raw json.RawMessage) bool { return string(raw) == "null" })
	f.asked = responseAsked{Store: x.server.options.Responses != nil, Values: map[string]json.RawMessage{}}
	r := &request{carried: map[string]json.RawMessage{}}
	if raw, ok := all["model"]; !ok || json.Unmarshal(raw, &r.model) != nil || r.model == "" {
		return nil, invalid("model", codeValue, "model is missing: name an agent, a team, a model or a tool, such as agent/NAME")
	}
	f.asked.Model = r.model
	for _, name := range slices.Sorted(maps.Keys(responseNever)) {
		if raw, ok := all[name]; ok {
			if !responseNever[name].form(raw) {
				return nil, invalid(name, codeValue, "%s has a value of the wrong type", name)
			}
			if !slices.Contains(responseNever[name].without, string(raw)) {
				return nil, invalid(name, codeUnsupported, "%s is not supported: leave it out", name)
			}
		}
	}
	if fault := f.switches(all, r); fault != nil {
		return nil, fault
	}
	same := map[string]json.RawMessage{}
	if fault := f.translate(all, same); fault != nil {
		return nil, fault
	}
	if fault := r.options(same); fault != nil {
		return nil, fault
	}
	f.asked.Metadata = r.metadata
	if fault := r.parameters(same); fault != nil {
		return nil, fault
	}
	if fault := r.clientTools(same["tools"]); fault != nil {
		return nil, fault
	}
	if fault := f.conversation(x, who, all, r); fault != nil {
		return nil, fault
	}
	return r, f.fits()
}

// back replaces the parameter names of a fault by those of this API.
func back(fault *Fault) *Fault {
	if fault == nil || fault.Param == nil {
		return fault
	}
	for own, other := range map[string]string{
		"max_output_tokens": "max_completion_tokens", "text.format": "response_format", "text.verbosity": "verbosity", "reasoning.effort": "reasoning_effort", "input": "messages",
	} {
		if *fault.Param == other {
			fault.Param, fault.Message = text(own), strings.Replace(fault.Message, other, own, 1)
			break
		}
	}
	return fault
}

// switches parses the parameters that control how the response is created and stored.
func (f *responseFormat) switches(all map[string]json.RawMessage, r *request) *Fault {
	for name, to := range map[string]*bool{"store": &f.asked.Store, "background": &r.background} {
		kept := *to
		if raw, ok := all[name]; ok && json.Unmarshal(raw, to) != nil {
			return invalid(name, codeValue, "%s is neither true nor false", name)
		}
		if name == "store" && *to && !kept {
			return invalid(name, codeUnsupported, "this server has no place for responses: leave store out, or use a server with a database of its own")
		}
	}
	f.asked.Background = r.background
	if r.background && !f.asked.Store {
		return invalid("background", codeValue, "a response in the background has to be stored: leave store out")
	}
	if raw, ok := all["include"]; ok {
		var include []string
		if json.Unmarshal(raw, &include) != nil {
			return invalid("include", codeValue, "include is to be a list of texts")
		}
		if slices.Contains(include, "message.output_text.logprobs") {
			return invalid("include", codeUnsupported, "there are no logprobs: leave message.output_text.logprobs out")
		}
	}
	return nil
}

// translate converts parameters to those of chat completions.
func (f *responseFormat) translate(all, to map[string]json.RawMessage) *Fault {
	for name, raw := range all {
		other, ok := renamed[name]
		switch {
		case ok:
			to[other] = raw
		case slices.Contains(asIs, name):
			to[name] = raw
		default:
			continue
		}
		if _, repeated := responseDefaults[name]; repeated {
			f.asked.Values[name] = raw
		}
	}
	if raw, ok := all["instructions"]; ok && json.Unmarshal(raw, &f.asked.Instructions) != nil {
		return invalid("instructions", codeValue, "instructions is to be a text")
	}
	if raw, ok := all["reasoning"]; ok {
		var reasoning struct {
			Effort  json.RawMessage `json:"effort"`
			Summary json.RawMessage `json:"summary"`
		}
		if !isObject(raw) || json.Unmarshal(raw, &reasoning) != nil {
			return invalid("reasoning", codeValue, "reasoning is to be an object")
		}
		if present(reasoning.Summary) {
			return invalid("reasoning.summary", codeUnsupported, "there are no summaries of reasoning: leave reasoning.summary out")
		}
		if present(reasoning.Effort) {
			to["reasoning_effort"] = reasoning.Effort
		}
		f.asked.Values["reasoning"] = encode(map[string]json.RawMessage{"effort": orNull(reasoning.Effort), "summary": orNull(nil)})
	}
	if raw, ok := all["text"]; ok {
		if fault := f.textFormat(raw, to); fault != nil {
			return fault
		}
	}
	if fault := f.tools(all["tools"], to); fault != nil {
		return fault
	}
	return f.toolChoice(all["tool_choice"], to)
}

// textFormat parses the parameter text.
func (f *responseFormat) textFormat(raw json.RawMessage, to map[string]json.RawMessage) *Fault {
	var in struct {
		Format    map[string]json.RawMessage `json:"format"`
		Verbosity json.RawMessage            `json:"verbosity"`
	}
	if !isObject(raw) || json.Unmarshal(raw, &in) != nil {
		return invalid("text", codeValue, "text is to be an object, with format an object")
	}
	if present(in.Verbosity) {
		to["verbosity"] = in.Verbosity
	}
	f.asked.Values["text"] = raw
	kind := ""
	_ = json.Unmarshal(in.Format["type"], &kind) // a type that is not a string is unknown
	switch {
	case in.Format == nil:
		f.asked.Values["text"] = within(raw, "format", encode(map[string]string{"type": "text"}))
	case kind == "text":
	case kind == "json_object":
		to["response_format"] = encode(map[string]string{"type": kind})
	case kind == "json_schema":
		schema := maps.Clone(in.Format)
		delete(schema, "type")
		to["response_format"] = encode(map[string]any{"type": kind, "json_schema": schema})
	default:
		return invalid("text.format", codeUnsupported, "text.format has an unknown type: use text, json_object or json_schema")
	}
	return nil
}

// tools parses the client's functions, which have a different form in this API.
func (f *responseFormat) tools(raw json.RawMessage, to map[string]json.RawMessage) *Fault {
	f.asked.Tools = []json.RawMessage{}
	if raw == nil {
		return nil
	}
	var tools []map[string]json.RawMessage
	if json.Unmarshal(raw, &tools) != nil {
		return invalid("tools", codeValue, "tools is to be a list of objects")
	}
	var out []any
	for i, tool := range tools {
		function := maps.Clone(tool)
		delete(function, "type")
		if string(tool["type"]) != `"function"` {
			return invalid("tools", codeUnsupported, "tools[%d] is no function: agents have the other tools", i)
		}
		out = append(out, map[string]any{"type": "function", "function": function})
		for _, name := range []string{"description", "parameters", "strict"} {
			tool[name] = orNull(tool[name])
		}
		f.asked.Tools = append(f.asked.Tools, encode(tool))
	}
	to["tools"] = encode(out)
	return nil
}

// toolChoice parses which function is to be called.
func (f *responseFormat) toolChoice(raw json.RawMessage, to map[string]json.RawMessage) *Fault {
	if raw == nil {
		return nil
	}
	f.asked.Values["tool_choice"] = raw
	if isText(raw) {
		to["tool_choice"] = raw
		return nil
	}
	var in struct{ Type, Name string }
	if json.Unmarshal(raw, &in) != nil || in.Type != "function" || in.Name == "" {
		return invalid("tool_choice", codeUnsupported, "tool_choice is neither auto, none, required nor a function with its name")
	}
	to["tool_choice"] = encode(map[string]any{"type": "function", "function": map[string]string{"name": in.Name}})
	return nil
}

// conversation assembles the messages: instructions, those of earlier responses, and the input.
func (f *responseFormat) conversation(x *exchange, who asker, all map[string]json.RawMessage, r *request) *Fault {
	if raw, ok := all["previous_response_id"]; ok {
		if json.Unmarshal(raw, &f.asked.Previous) != nil {
			return invalid("previous_response_id", codeValue, "previous_response_id is to be a text")
		}
		found, fault := x.server.findResponse(x.r.Context(), who, *f.asked.Previous)
		if fault != nil {
			if fault.Status == http.StatusNotFound {
				return invalid("previous_response_id", "previous_response_not_found", "there is no response %s to go on from", *f.asked.Previous)
			}
			return fault
		}
		if found.query.Status == nil || found.query.Status.Phase == nil || *found.query.Status.Phase != v1alpha1.QueryDone {
			return invalid("previous_response_id", "previous_response_not_completed", "the response %s is not completed", *f.asked.Previous)
		}
		for _, raw := range append(found.kept.Messages, found.said()) {
			m, fault := parseMessage(raw, "previous_response_id")
			if fault != nil {
				return fault
			}
			r.messages = append(r.messages, m)
		}
	}
	var fault *Fault
	if f.input, fault = parseInput(all["input"], r); fault != nil {
		return fault
	}
	for _, m := range r.messages {
		f.messages = append(f.messages, m.encoded)
	}
	if f.asked.Instructions != nil && *f.asked.Instructions != "" {
		m, fault := parseMessage(encode(wireMessage{Role: "system", Content: encode(*f.asked.Instructions)}), "instructions")
		if fault != nil {
			return fault
		}
		r.messages = append([]message{m}, r.messages...)
	}
	return nil
}
