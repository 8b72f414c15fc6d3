package provider

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// maxEvent is the longest event of a stream.
const maxEvent = 16 << 20

// maxCalls is the most calls of one turn.
const maxCalls = 1024

var (
	errBrokenStream = errors.New("the stream broke off")
	errManyCalls    = fmt.Errorf("the model asks for more than %d tool calls at once", maxCalls)
)

// events calls one with the data of every server-sent event, until the stream ends or one returns
// an error.
func events(from io.Reader, one func(name string, data []byte) error) error {
	lines := bufio.NewReaderSize(from, 32<<10)
	name := ""
	var data, line []byte
	for {
		part, err := lines.ReadSlice('\n')
		line = append(line, part...)
		if len(line)+len(data) > maxEvent {
			return fmt.Errorf("an event of the stream has more than %d bytes", maxEvent)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		text := bytes.TrimRight(line, "\r\n")
		switch {
		case len(text) == 0 && len(data) > 0:
			if err := one(name, data); err != nil {
				return err
			}
			data, name = data[:0], ""
		case bytes.HasPrefix(text, []byte("data:")):
			if len(data) > 0 {
				data = append(data, '\n')
			}
			data = append(data, bytes.TrimPrefix(text[len("data:"):], []byte(" "))...)
		case bytes.HasPrefix(text, []byte("event:")):
			name = string(bytes.TrimSpace(text[len("event:"):]))
		}
		line = line[:0]
		if errors.Is(err, io.EOF) {
			if len(data) > 0 {
				return one(name, data)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type chunk struct {
	ID      string          `json:"id"`
	Created json.RawMessage `json:"created"`
	Model   string          `json:"model"`
	Choices []struct {
		Index int `json:"index"`
		Delta struct {
			Content   *string     `json:"content"`
			Refusal   *string     `json:"refusal"`
			ToolCalls []deltaCall `json:"tool_calls"`
		} `json:"delta"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Usage *wireUsage      `json:"usage"`
	Error json.RawMessage `json:"error"`
}

type deltaCall struct {
	Index    *int         `json:"index"`
	ID       string       `json:"id"`
	Function wireFunction `json:"function"`
}

// errDone ends a stream after its last event.
var errDone = errors.New("done")

// readChunks assembles the chunks of a stream.
func readChunks(from io.Reader, started time.Time, say func(Chunk)) (Response, error) {
	out := Response{Message: Message{Role: Assistant}}
	var text, refusal bytes.Buffer
	whole, chosen := false, false
	var first chunk
	err := events(from, func(_ string, data []byte) error {
		if string(data) == "[DONE]" {
			whole = true
			return errDone
		}
		var c chunk
		if err := json.Unmarshal(data, &c); err != nil {
			return fmt.Errorf("decode a chunk: %w", err)
		}
		if len(c.Error) > 0 && string(c.Error) != "null" {
			return errors.New(errorText(data))
		}
		if say != nil {
			say(Chunk{Data: data})
		}
		if c.ID != "" {
			first.ID, first.Model, first.Created = c.ID, c.Model, slices.Clone(c.Created)
		}
		if c.Usage != nil {
			out.Usage = c.Usage.usage()
		}
		for _, choice := range c.Choices {
			if choice.Index != 0 {
				continue
			}
			chosen = true
			if out.FirstToken == 0 {
				out.FirstToken = time.Since(started)
			}
			if choice.Delta.Content != nil {
				text.WriteString(*choice.Delta.Content)
			}
			if choice.Delta.Refusal != nil {
				refusal.WriteString(*choice.Delta.Refusal)
			}
			for _, call := range choice.Delta.ToolCalls {
				var err error
				if out.Message.ToolCalls, err = addCall(out.Message.ToolCalls, call); err != nil {
					return err
				}
			}
			if choice.FinishReason != nil && *choice.FinishReason != "" {
				out.FinishReason, whole = *choice.FinishReason, true
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDone) {
		return Response{}, err
	}
	if !whole {
		return Response{}, errBrokenStream
	}
	if !chosen {
		return Response{}, errNoChoices
	}
	if say != nil && len(out.Message.ToolCalls) > 0 {
		delta := map[string]any{"tool_calls": wholeCalls(out.Message.ToolCalls)}
		sayChunk(say, first, delta, out.FinishReason, true)
	}
	if out.Message.Content = text.String(); out.Message.Content == "" {
		out.Message.Content = refusal.String()
	}
	return out, nil
}

// addCall adds a part of a call. A part without an index belongs to the last call, unless it has an
// id.
func addCall(calls []ToolCall, part deltaCall) ([]ToolCall, error) {
	at := len(calls) - 1
	if part.Index != nil {
		at = *part.Index
	} else if part.ID != "" && !slices.ContainsFunc(calls, func(c ToolCall) bool { return c.ID == part.ID }) {
		at++
	}
	if at < 0 {
		at = 0
	}
	if at >= maxCalls || at > len(calls) {
		return nil, errManyCalls
	}
	if at == len(calls) {
		calls = append(calls, ToolCall{})
	}
	if part.ID != "" {
		calls[at].ID = part.ID
	}
	calls[at].Name += part.Function.Name
	calls[at].Arguments += part.Function.Arguments
	return calls, nil
}
