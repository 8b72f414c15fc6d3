package provider

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

// bedrockStream assembles the events of a stream.
type bedrockStream struct {
	started time.Time
	request Request
	model   string
	out     Response
	text    strings.Builder
	calling bool // the open block is a call
	whole   bool
}

func newBedrockStream(model string, r Request) *bedrockStream {
	return &bedrockStream{started: time.Now(), request: r, model: model, out: Response{Message: Message{Role: Assistant}}}
}

func (s *bedrockStream) add(event types.ConverseStreamOutput) error {
	calls := &s.out.Message.ToolCalls
	switch e := event.(type) {
	case *types.ConverseStreamOutputMemberContentBlockStart:
		if use, ok := e.Value.Start.(*types.ContentBlockStartMemberToolUse); ok {
			if len(*calls) == maxCalls {
				return errManyCalls
			}
			s.calling = true
			*calls = append(*calls, ToolCall{ID: aws.ToString(use.Value.ToolUseId), Name: aws.ToString(use.Value.Name)})
		}
	case *types.ConverseStreamOutputMemberContentBlockDelta:
		if s.out.FirstToken == 0 {
			s.out.FirstToken = time.Since(s.started)
		}
		switch d := e.Value.Delta.(type) {
		case *types.ContentBlockDeltaMemberText:
			s.text.WriteString(d.Value)
			if d.Value != "" {
				s.request.said(s.model, map[string]any{"role": Assistant, "content": d.Value}, "")
			}
		case *types.ContentBlockDeltaMemberToolUse:
			if s.calling {
				(*calls)[len(*calls)-1].Arguments += aws.ToString(d.Value.Input)
			}
		}
	case *types.ConverseStreamOutputMemberContentBlockStop:
		if s.calling && (*calls)[len(*calls)-1].Arguments == "" {
			(*calls)[len(*calls)-1].Arguments = "{}"
		}
		s.calling = false
	case *types.ConverseStreamOutputMemberMessageStop:
		s.out.FinishReason = map[types.StopReason]string{types.StopReasonMaxTokens: "length", types.StopReasonToolUse: "tool_calls"}[e.Value.StopReason]
		if s.out.FinishReason == "" {
			s.out.FinishReason = "stop"
		}
		s.stop()
	case *types.ConverseStreamOutputMemberMetadata:
		if u := e.Value.Usage; u != nil {
			read, wrote := int64(aws.ToInt32(u.CacheReadInputTokens)), int64(aws.ToInt32(u.CacheWriteInputTokens))
			s.out.Usage = Usage{Prompt: int64(aws.ToInt32(u.InputTokens)) + read + wrote, Completion: int64(aws.ToInt32(u.OutputTokens)), Cached: read}
			s.out.Usage.Total = s.out.Usage.Prompt + s.out.Usage.Completion
		}
	}
	return nil
}

// stop sends the calls of the answer, and its finish reason. The usage follows.
func (s *bedrockStream) stop() {
	s.whole = true
	delta := map[string]any{}
	if calls := s.out.Message.ToolCalls; len(calls) > 0 {
		delta["tool_calls"] = wholeCalls(calls)
	}
	s.request.said(s.model, delta, s.out.FinishReason)
}

func (s *bedrockStream) response() Response {
	s.out.Message.Content = s.text.String()
	return s.out
}
