package chat

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
)

// python asks as the SDK for Python does, and reads streams by the rules of its decoder
// (openai/_streaming.py): the strictest there is, which takes a line "id:" or "retry:" alone for an
// event without data, and fails.
type python struct {
	w     *world
	title string
	// more are fields of each request.
	more map[string]any
}

func newPython(w *world, title string, more map[string]any) *python { return &python{w, title, more} }

// litellm is what LiteLLM adds to requests of an OpenAI-compatible provider.
var litellm = map[string]any{
	"user": "someone", "metadata": map[string]any{"requester_metadata": "{}"}, "drop_params": true, "max_retries": 0, "litellm_call_id": "1",
	"extra_headers": map[string]any{}, "stream_options": map[string]any{"include_usage": true}, "functions": nil, "logit_bias": map[string]any{},
}

func (p *python) name() string { return p.title }

// pythonFault is an error as that SDK raises it.
type pythonFault struct {
	status        int
	Message, Type string
	Code          *string
}

func (f *pythonFault) Error() string { return f.Message }

func (*python) fault(err error) (status int, code, message string) {
	var fault *pythonFault
	if !errors.As(err, &fault) {
		return 0, "", err.Error()
	}
	return fault.status, *cmp.Or(fault.Code, new(string)), fault.Message
}

// post makes a request, and returns the answer if it has no error.
func (p *python) post(ctx context.Context, path string, body map[string]any) (io.ReadCloser, error) {
	for name, value := range p.more {
		if _, there := body[name]; !there && (name != "stream_options" || body["stream"] == true) {
			body[name] = value
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.w.url+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + p.w.key, "Content-Type": "application/json", "Accept": "application/json", "User-Agent": "AsyncOpenAI/Python 2.7.1",
		"X-Stainless-Lang": "python", "X-Stainless-Retry-Count": "0", "X-Stainless-Read-Timeout": "600", "OpenAI-Organization": "none",
	} {
		r.Header.Set(name, value)
	}
	response, err := p.w.http.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	var out struct{ Error *pythonFault }
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil || out.Error == nil {
		return nil, fmt.Errorf("got %s without an error in OpenAI's form: %w", response.Status, err)
	}
	out.Error.status = response.StatusCode
	return nil, out.Error
}

// decode calls do with the event and the data of each event of a stream, until [DONE].
func decode(body io.Reader, do func(event string, data []byte) error) error {
	var event, id, retry string
	var data []string
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if event == "" && data == nil && id == "" && retry == "" {
				continue
			}
			text := strings.Join(data, "\n")
			if strings.HasPrefix(text, "[DONE]") {
				return nil
			}
			var any struct{ Error *pythonFault }
			if err := json.Unmarshal([]byte(text), &any); err != nil {
				return fmt.Errorf("JSONDecodeError of %q: %w", text, err)
			}
			if any.Error != nil && !strings.HasPrefix(event, "response.") {
				return any.Error
			}
			if err := do(event, []byte(text)); err != nil {
				return err
			}
			event, data, retry = "", nil, "" // the id stays
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			event = value
		case "data":
			data = append(data, value)
		case "id":
			id = value
		case "retry":
			retry = value
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("the stream ends without [DONE], which the SDK takes for its end")
}

func (*python) asked(q question) map[string]any {
	body := map[string]any{"model": q.model, "messages": []any{map[string]any{"role": "user", "content": q.text}}}
	if q.tools {
		body["tools"] = []any{map[string]any{"type": "function", "function": map[string]any{"name": "weather", "parameters": weatherParameters}}}
	}
	return body
}

type pythonCall struct {
	Index    int
	Function struct{ Name, Arguments string }
}

type pythonUsage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
}

func (p *python) ask(ctx context.Context, q question) (reply, error) {
	body, err := p.post(ctx, "/v1/chat/completions", p.asked(q))
	if err != nil {
		return reply{}, err
	}
	defer body.Close()
	var in struct {
		Choices []struct {
			Message struct {
				Content string
				Calls   []pythonCall `json:"tool_calls"`
			}
			Finish string `json:"finish_reason"`
		}
		Usage pythonUsage
	}
	if err := json.NewDecoder(body).Decode(&in); err != nil || len(in.Choices) != 1 {
		return reply{}, fmt.Errorf("there are %d choices: %w", len(in.Choices), err)
	}
	out := reply{text: in.Choices[0].Message.Content, finish: in.Choices[0].Finish, prompt: in.Usage.Prompt, completion: in.Usage.Completion}
	for _, c := range in.Choices[0].Message.Calls {
		out.calls = append(out.calls, c.Function.Name+"("+c.Function.Arguments+")")
	}
	return out, nil
}

func (p *python) stream(ctx context.Context, q question, part func(string)) (out reply, err error) {
	asked := p.asked(q)
	maps.Copy(asked, map[string]any{"stream": true, "stream_options": map[string]any{"include_usage": true}})
	body, err := p.post(ctx, "/v1/chat/completions", asked)
	if err != nil {
		return out, err
	}
	defer body.Close()
	var calls []pythonCall
	err = decode(body, func(event string, data []byte) error {
		var in struct {
			Choices []struct {
				Delta struct {
					Content string
					Calls   []pythonCall `json:"tool_calls"`
				}
				Finish string `json:"finish_reason"`
			}
			Usage *pythonUsage
		}
		if err := json.Unmarshal(data, &in); err != nil || event != "" {
			return fmt.Errorf("the event %q is %s: %w", event, data, err)
		}
		if in.Usage != nil {
			out.prompt, out.completion = in.Usage.Prompt, in.Usage.Completion
		}
		for _, c := range in.Choices {
			out.text += c.Delta.Content
			out.finish += c.Finish
			for _, call := range c.Delta.Calls {
				for len(calls) <= call.Index {
					calls = append(calls, pythonCall{})
				}
				calls[call.Index].Function.Name += call.Function.Name
				calls[call.Index].Function.Arguments += call.Function.Arguments
			}
			if c.Delta.Content != "" {
				part(c.Delta.Content)
			}
		}
		return nil
	})
	for _, c := range calls {
		out.calls = append(out.calls, c.Function.Name+"("+c.Function.Arguments+")")
	}
	return out, err
}

type pythonResponse struct {
	Status string
	Output []struct {
		Type, Name, Arguments string
		Content               []struct{ Type, Text string }
	}
	Usage pythonUsage
}

func (r pythonResponse) reply() reply {
	out := reply{finish: r.Status, prompt: r.Usage.Input, completion: r.Usage.Output}
	for _, item := range r.Output {
		if item.Type == "function_call" {
			out.calls = append(out.calls, item.Name+"("+item.Arguments+")")
		}
		for _, c := range item.Content {
			out.text += c.Text
		}
	}
	return out
}

func (*python) responseAsked(q question) map[string]any {
	body := map[string]any{"model": q.model, "input": q.text}
	if q.tools {
		body["tools"] = []any{map[string]any{"type": "function", "name": "weather", "parameters": weatherParameters}}
	}
	return body
}

func (p *python) respond(ctx context.Context, q question) (reply, error) {
	body, err := p.post(ctx, responsesPath, p.responseAsked(q))
	if err != nil {
		return reply{}, err
	}
	defer body.Close()
	var in pythonResponse
	err = json.NewDecoder(body).Decode(&in)
	return in.reply(), err
}

func (p *python) respondStream(ctx context.Context, q question, part func(string)) (out reply, err error) {
	asked := p.responseAsked(q)
	asked["stream"] = true
	body, err := p.post(ctx, responsesPath, asked)
	if err != nil {
		return out, err
	}
	defer body.Close()
	err = decode(body, func(event string, data []byte) error {
		var in struct {
			Type, Delta string
			Response    pythonResponse
		}
		if err := json.Unmarshal(data, &in); err != nil || event != in.Type {
			return fmt.Errorf("the event %q is %s: %w", event, data, err)
		}
		switch in.Type {
		case "response.output_text.delta":
			part(in.Delta)
		case "response.completed":
			out = in.Response.reply()
		}
		return nil
	})
	return out, err
}
