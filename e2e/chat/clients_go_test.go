package chat

import (
	"context"
	"errors"
	"fmt"
	"io"

	openaigo "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
	openai "github.com/sashabaranov/go-openai"
)

var weatherParameters = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}

// openAIGo is OpenAI's own SDK for Go.
type openAIGo struct{ client openaigo.Client }

func newOpenAIGo(w *world) *openAIGo {
	return &openAIGo{openaigo.NewClient(option.WithAPIKey(w.key), option.WithBaseURL(w.url+"/v1"), option.WithHTTPClient(w.http), option.WithMaxRetries(0))}
}

func (*openAIGo) name() string { return "openai-go" }

func (*openAIGo) asked(q question) openaigo.ChatCompletionNewParams {
	p := openaigo.ChatCompletionNewParams{Model: q.model, Messages: []openaigo.ChatCompletionMessageParamUnion{openaigo.UserMessage(q.text)}}
	if q.tools {
		p.Tools = []openaigo.ChatCompletionToolUnionParam{openaigo.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "weather", Parameters: weatherParameters})}
	}
	return p
}

func (*openAIGo) reply(c openaigo.ChatCompletion) (reply, error) {
	if len(c.Choices) != 1 {
		return reply{}, fmt.Errorf("there are %d choices", len(c.Choices))
	}
	out := reply{text: c.Choices[0].Message.Content, finish: c.Choices[0].FinishReason, prompt: c.Usage.PromptTokens, completion: c.Usage.CompletionTokens}
	for _, call := range c.Choices[0].Message.ToolCalls {
		out.calls = append(out.calls, call.Function.Name+"("+call.Function.Arguments+")")
	}
	return out, nil
}

func (c *openAIGo) ask(ctx context.Context, q question) (reply, error) {
	answer, err := c.client.Chat.Completions.New(ctx, c.asked(q))
	if err != nil {
		return reply{}, err
	}
	return c.reply(*answer)
}

func (c *openAIGo) stream(ctx context.Context, q question, part func(string)) (out reply, err error) {
	asked := c.asked(q)
	asked.StreamOptions = openaigo.ChatCompletionStreamOptionsParam{IncludeUsage: param.NewOpt(true)}
	stream := c.client.Chat.Completions.NewStreaming(ctx, asked)
	defer func() { err = errors.Join(err, stream.Close()) }()
	var whole openaigo.ChatCompletionAccumulator
	for stream.Next() {
		chunk := stream.Current()
		if !whole.AddChunk(chunk) {
			return out, fmt.Errorf("the chunk does not belong to the others: %s", chunk.RawJSON())
		}
		if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			part(chunk.Choices[0].Delta.Content)
		}
	}
	if err := stream.Err(); err != nil {
		return out, err
	}
	return c.reply(whole.ChatCompletion)
}

func (*openAIGo) fault(err error) (status int, code, message string) {
	var fault *openaigo.Error
	if errors.As(err, &fault) {
		return fault.StatusCode, fault.Code, fault.Message
	}
	return 0, "", err.Error()
}

func (*openAIGo) responseAsked(q question) responses.ResponseNewParams {
	p := responses.ResponseNewParams{Model: q.model, Input: responses.ResponseNewParamsInputUnion{OfString: param.NewOpt(q.text)}}
	if q.tools {
		p.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("weather", weatherParameters, false)}
	}
	return p
}

func (*openAIGo) responseReply(r responses.Response) reply {
	out := reply{text: r.OutputText(), finish: string(r.Status), prompt: r.Usage.InputTokens, completion: r.Usage.OutputTokens}
	for _, item := range r.Output {
		if item.Type == "function_call" {
			call := item.AsFunctionCall()
			out.calls = append(out.calls, call.Name+"("+call.Arguments+")")
		}
	}
	return out
}

func (c *openAIGo) respond(ctx context.Context, q question) (reply, error) {
	r, err := c.client.Responses.New(ctx, c.responseAsked(q))
	if err != nil {
		return reply{}, err
	}
	again, err := c.client.Responses.Get(ctx, r.ID, responses.ResponseGetParams{})
	if err != nil {
		return reply{}, err
	}
	if again.OutputText() != r.OutputText() {
		return reply{}, fmt.Errorf("the response is %s when it is read again", again.RawJSON())
	}
	return c.responseReply(*r), nil
}

func (c *openAIGo) respondStream(ctx context.Context, q question, part func(string)) (out reply, err error) {
	stream := c.client.Responses.NewStreaming(ctx, c.responseAsked(q))
	defer func() { err = errors.Join(err, stream.Close()) }()
	for stream.Next() {
		switch event := stream.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			part(event.Delta)
		case responses.ResponseCompletedEvent:
			out = c.responseReply(event.Response)
		}
	}
	return out, stream.Err()
}

// goOpenAI is the community's SDK for Go.
type goOpenAI struct {
	client *openai.Client
	w      *world
}

func newGoOpenAI(w *world) *goOpenAI { return &goOpenAI{w.client(w.key), w} }

func (*goOpenAI) name() string { return "go-openai" }

func (*goOpenAI) asked(q question) openai.ChatCompletionRequest {
	r := openai.ChatCompletionRequest{Model: q.model, Messages: user(q.text)}
	if q.tools {
		r.Tools = []openai.Tool{{Type: "function", Function: &openai.FunctionDefinition{Name: "weather", Parameters: weatherParameters}}}
	}
	return r
}

func (c *goOpenAI) ask(ctx context.Context, q question) (reply, error) {
	answer, err := c.client.CreateChatCompletion(ctx, c.asked(q))
	if err != nil {
		return reply{}, err
	}
	choice := answer.Choices[0]
	out := reply{text: choice.Message.Content, finish: string(choice.FinishReason), prompt: int64(answer.Usage.PromptTokens), completion: int64(answer.Usage.CompletionTokens)}
	for _, call := range choice.Message.ToolCalls {
		out.calls = append(out.calls, call.Function.Name+"("+call.Function.Arguments+")")
	}
	return out, nil
}

func (c *goOpenAI) stream(ctx context.Context, q question, part func(string)) (out reply, err error) {
	asked := c.asked(q)
	asked.StreamOptions = &openai.StreamOptions{IncludeUsage: true}
	stream, err := c.client.CreateChatCompletionStream(ctx, asked)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	var calls []openai.ToolCall
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, err
		}
		if chunk.Usage != nil {
			out.prompt, out.completion = int64(chunk.Usage.PromptTokens), int64(chunk.Usage.CompletionTokens)
		}
		for _, choice := range chunk.Choices {
			out.text += choice.Delta.Content
			out.finish += string(choice.FinishReason)
			for _, call := range choice.Delta.ToolCalls {
				if *call.Index == len(calls) {
					calls = append(calls, call)
				} else {
					calls[*call.Index].Function.Arguments += call.Function.Arguments
				}
			}
			if choice.Delta.Content != "" {
				part(choice.Delta.Content)
			}
		}
	}
	for _, call := range calls {
		out.calls = append(out.calls, call.Function.Name+"("+call.Function.Arguments+")")
	}
	return out, nil
}

func (*goOpenAI) fault(err error) (status int, code, message string) {
	var fault *openai.APIError
	if errors.As(err, &fault) {
		code, _ = fault.Code.(string)
		return fault.HTTPStatusCode, code, fault.Message
	}
	return 0, "", err.Error()
}
