package chat

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// request is a request for a chat completion.
type request struct {
	model    string
	messages []message
	stream   bool
	usage    bool // usage in the last chunk of a stream
	// background makes the client not wait for the answer.
	background bool
	metadata   map[string]string
	// carried are parameters for the model, and tools are the client's tools.
	carried map[string]json.RawMessage
	tools   []json.RawMessage
}

// form validates the type of a field.
type form func(json.RawMessage) bool

func isNumber(raw json.RawMessage) bool {
	var n json.Number
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return raw[0] != '"' && decoder.Decode(&n) == nil
}

func isInteger(raw json.RawMessage) bool {
	_, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil
}

func isText(raw json.RawMessage) bool {
	var s string
	return json.Unmarshal(raw, &s) == nil
}

func isBool(raw json.RawMessage) bool {
	var b bool
	return json.Unmarshal(raw, &b) == nil
}

func isObject(raw json.RawMessage) bool { return raw[0] == '{' }

func isStop(raw json.RawMessage) bool {
	var list []string
	return isText(raw) || json.Unmarshal(raw, &list) == nil
}

func isList(raw json.RawMessage) bool { return raw[0] == '[' }

func isChoice(raw json.RawMessage) bool { return isText(raw) || isObject(raw) }

// field describes how a parameter is treated.
type field struct {
	form form
	// without lists values that are equivalent to omitting the parameter.
	without []string
	// hint is true if the answer does not depend on the parameter: it may be dropped if the target
	// does not support it.
	hint bool
	// never is true if no engine supports the parameter.
	never bool
}

// fields are the parameters other than model, messages, stream, stream_options, metadata and tools.
var fields = map[string]field{
	"temperature":           {form: isNumber, without: []string{"1", "1.0"}},
	"top_p":                 {form: isNumber, without: []string{"1", "1.0"}},
	"presence_penalty":      {form: isNumber, without: []string{"0", "0.0"}},
	"frequency_penalty":     {form: isNumber, without: []string{"0", "0.0"}},
	"max_tokens":            {form: isInteger},
	"max_completion_tokens": {form: isInteger},
	"seed":                  {form: isInteger},
	"stop":                  {form: isStop, without: []string{"[]"}},
	"logit_bias":            {form: isObject, without: []string{"{}"}},
	"reasoning_effort":      {form: isText},
	"verbosity":             {form: isText, without: []string{`"medium"`}},
	"response_format":       {form: isObject, without: []string{`{"type":"text"}`}},
	"tool_choice":           {form: isChoice},
	"parallel_tool_calls":   {form: isBool, without: []string{"true"}},
	"user":                  {form: isText, hint: true},
	"safety_identifier":     {form: isText, hint: true},
	"prompt_cache_key":      {form: isText, hint: true},
	"service_tier":          {form: isText, hint: true, without: []string{`"auto"`, `"default"`}},
	"store":                 {form: isBool, without: []string{"true", "false"}},
	"n":                     {form: isInteger, without: []string{"1"}, never: true},
	"logprobs":              {form: isBool, without: []string{"false"}, never: true},
	"top_logprobs":          {form: isInteger, without: []string{"0"}, never: true},
	"modalities":            {form: isList, without: []string{`["text"]`}, never: true},
	"audio":                 {form: isObject, never: true},
	"prediction":            {form: isObject, never: true},
	"web_search_options":    {form: isObject, never: true},
	"functions":             {form: isList, without: []string{"[]"}, never: true},
	"function_call":         {form: isChoice, never: true},
}

// parseRequest parses the body of a request. Unknown fields are ignored, because clients send
// fields that OpenAI does not have.
func parseRequest(body []byte) (*request, *Fault) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, invalid("", "invalid_json", "the body is no JSON object: %v", err)
	}
	maps.DeleteFunc(all, func(_ string, raw json.RawMessage) bool { return string(raw) == "null" })
	r := &request{carried: map[string]json.RawMessage{}}
	if raw, ok := all["model"]; !ok || json.Unmarshal(raw, &r.model) != nil || r.model == "" {
		return nil, invalid("model", codeValue, "model is missing: name an agent, a team, a model or a tool, such as agent/NAME")
	}
	raw, ok := all["messages"]
	if !ok {
		return nil, invalid("messages", codeValue, "messages is missing")
	}
	var fault *Fault
	if r.messages, fault = parseMessages(raw); fault != nil {
		return nil, fault
	}
	if fault := r.options(all); fault != nil {
		return nil, fault
	}
	if fault := r.parameters(all); fault != nil {
		return nil, fault
	}
	return r, r.clientTools(all["tools"])
}

// parameters parses the parameters for the model.
func (r *request) parameters(all map[string]json.RawMessage) *Fault {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		raw, ok := all[name]
		if !ok {
			continue
		}
		f := fields[name]
		if !f.form(raw) {
			return invalid(name, codeValue, "%s has a value of the wrong type", name)
		}
		var compact bytes.Buffer
		if json.Compact(&compact, raw) == nil && slices.Contains(f.without, compact.String()) {
			continue
		}
		if f.never {
			return invalid(name, codeUnsupported, "%s is not supported: leave it out", name)
		}
		r.carried[name] = raw
	}
	return nil
}

// options parses the parameters that control the form of the answer.
func (r *request) options(all map[string]json.RawMessage) *Fault {
	if raw, ok := all["stream"]; ok && json.Unmarshal(raw, &r.stream) != nil {
		return invalid("stream", codeValue, "stream is neither true nor false")
	}
	if raw, ok := all["stream_options"]; ok {
		var options struct {
			IncludeUsage bool `json:"include_usage"`
		}
		if json.Unmarshal(raw, &options) != nil {
			return invalid("stream_options", codeValue, "stream_options is to be an object, with include_usage true or false")
		}
		if !r.stream {
			return invalid("stream_options", codeValue, "stream_options is for streams: add stream, or leave it out")
		}
		r.usage = options.IncludeUsage
	}
	if raw, ok := all["metadata"]; ok && json.Unmarshal(raw, &r.metadata) != nil {
		return invalid("metadata", codeValue, "metadata is to be an object of texts")
	}
	return nil
}

// clientTools parses the tools, which the client calls itself.
func (r *request) clientTools(raw json.RawMessage) *Fault {
	if len(raw) > 0 && json.Unmarshal(raw, &r.tools) != nil {
		return invalid("tools", codeValue, "tools is to be a list")
	}
	for i, raw := range r.tools {
		var tool struct {
			Type     string `json:"type"`
			Function struct {
				Name string `json:"name"`
			} `json:"function"`
		}
		if json.Unmarshal(raw, &tool) != nil || tool.Type != "function" || tool.Function.Name == "" {
			return invalid("tools["+strconv.Itoa(i)+"]", codeUnsupported, "tools[%d] is no function with a name", i)
		}
	}
	if len(r.tools) == 0 { // without tools there is nothing to choose
		delete(r.carried, "tool_choice")
		delete(r.carried, "parallel_tool_calls")
	}
	return nil
}

// input returns the last user message's text, which is the part that a Query can contain.
func (r *request) input() (string, *Fault) {
	for _, m := range slices.Backward(r.messages) {
		if m.role != "user" {
			continue
		}
		if strings.TrimSpace(m.text) == "" && m.images == 0 {
			return "", invalid("messages", codeValue, "the user's last message has no text")
		}
		if m.text == "" {
			return "[image]", nil
		}
		return m.text, nil
	}
	return "", invalid("messages", codeValue, "there is no message of a user")
}

// plain reports whether the messages consist of one text of a user, which the Query contains
// completely.
func (r *request) plain() bool {
	return len(r.messages) == 1 && r.messages[0].role == "user" && r.messages[0].images == 0
}

// needed returns the parameters that must not be dropped.
func (r *request) needed() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(r.carried)) {
		if !fields[name].hint {
			out = append(out, name)
		}
	}
	if len(r.tools) > 0 {
		out = append(out, "tools")
	}
	return out
}
