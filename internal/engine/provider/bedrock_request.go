package provider

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

// input returns the SDK's request.
func (m bedrock) input(r Request) (*bedrockruntime.ConverseStreamInput, error) {
	in := &bedrockruntime.ConverseStreamInput{ModelId: &m.Name, InferenceConfig: &types.InferenceConfiguration{}}
	for _, message := range r.Messages {
		if message.Role == System {
			if message.Content != "" {
				in.System = append(in.System, &types.SystemContentBlockMemberText{Value: message.Content})
			}
			continue
		}
		role, blocks, err := bedrockBlocks(message)
		if err != nil {
			return nil, err
		}
		if len(blocks) == 0 {
			continue
		}
		// Bedrock requires alternating turns: adjacent messages with the same role are joined.
		if n := len(in.Messages); n > 0 && in.Messages[n-1].Role == role {
			in.Messages[n-1].Content = append(in.Messages[n-1].Content, blocks...)
			continue
		}
		in.Messages = append(in.Messages, types.Message{Role: role, Content: blocks})
	}
	if len(r.Tools) > 0 {
		in.ToolConfig = &types.ToolConfiguration{}
		for _, t := range r.Tools {
			schema, err := documentOf(t.Parameters)
			if err != nil {
				return nil, fmt.Errorf("tool %s: %w", t.Name, err)
			}
			spec := types.ToolSpecification{Name: &t.Name, InputSchema: &types.ToolInputSchemaMemberJson{Value: schema}}
			if t.Description != "" {
				spec.Description = &t.Description
			}
			in.ToolConfig.Tools = append(in.ToolConfig.Tools, &types.ToolMemberToolSpec{Value: spec})
		}
		if r.ToolsRequired {
			in.ToolConfig.ToolChoice = &types.ToolChoiceMemberAny{}
		}
	}
	if r.Schema != nil {
		in.OutputConfig = &types.OutputConfig{TextFormat: &types.OutputFormat{
			Type:      types.OutputFormatTypeJsonSchema,
			Structure: &types.OutputFormatStructureMemberJsonSchema{Value: types.JsonSchemaDefinition{Name: &r.SchemaName, Schema: aws.String(string(r.Schema))}},
		}}
	}
	return in, m.infer(in, r)
}

// infer sets the inference parameters from three sources: the Model's own fields, its properties,
// and the client's parameters. Each source overrides the one before. A property without a
// corresponding field is passed to the model.
func (m bedrock) infer(in *bedrockruntime.ConverseStreamInput, r Request) error {
	in.InferenceConfig.MaxTokens = aws.Int32(anthropicMaxTokens)
	if m.options.MaxTokens != nil {
		in.InferenceConfig.MaxTokens = aws.Int32(int32(min(*m.options.MaxTokens, 1<<30))) //nolint:gosec // it is bounded
	}
	set := map[string]any{}
	if m.options.Temperature != "" {
		set["temperature"] = json.RawMessage(m.options.Temperature)
	}
	for name, text := range m.Properties {
		set[name] = property(name, text)
	}
	known := []string{"max_tokens", "maxTokens", "max_completion_tokens", "temperature", "top_p", "topP", "stop", "stop_sequences", "stopSequences"}
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		switch {
		case slices.Contains(known, name):
			set[name] = r.Parameters[name]
		case slices.Contains([]string{"user", "safety_identifier", "prompt_cache_key", "service_tier"}, name):
		default:
			return fmt.Errorf("the provider bedrock does not have the parameter %s: leave it out", name)
		}
	}
	further := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		text := strings.TrimSpace(fmt.Sprint(set[name]))
		if raw, ok := set[name].(json.RawMessage); ok {
			text = string(raw)
		}
		var err error
		switch name {
		case "max_tokens", "maxTokens", "max_completion_tokens":
			var n int64
			n, err = strconv.ParseInt(text, 10, 32)
			in.InferenceConfig.MaxTokens = aws.Int32(int32(n))
		case "temperature":
			in.InferenceConfig.Temperature, err = float(text)
		case "top_p", "topP":
			in.InferenceConfig.TopP, err = float(text)
		case "stop", "stop_sequences", "stopSequences":
			in.InferenceConfig.StopSequences = []string{text}
			var one string
			if json.Unmarshal([]byte(text), &in.InferenceConfig.StopSequences) != nil {
				in.InferenceConfig.StopSequences = []string{text}
				if json.Unmarshal([]byte(text), &one) == nil {
					in.InferenceConfig.StopSequences = []string{one}
				}
			}
		default:
			further[name] = set[name]
		}
		if err != nil {
			return fmt.Errorf("%s: %q is no number that the provider bedrock takes", name, text)
		}
	}
	if len(further) == 0 {
		return nil
	}
	text, err := json.Marshal(further)
	if err != nil {
		return fmt.Errorf("encode the properties: %w", err)
	}
	in.AdditionalModelRequestFields, err = documentOf(text)
	return err
}

func float(text string) (*float32, error) {
	f, err := strconv.ParseFloat(text, 32)
	return aws.Float32(float32(f)), err
}

// documentOf converts a JSON object to the SDK's type; an empty text is an empty object.
func documentOf(text json.RawMessage) (document.Interface, error) {
	object := map[string]any{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &object); err != nil {
			return nil, fmt.Errorf("not a JSON object: %w", err)
		}
	}
	return document.NewLazyDocument(object), nil
}

func bedrockBlocks(m Message) (role types.ConversationRole, blocks []types.ContentBlock, err error) {
	role = types.ConversationRoleUser
	if m.Role == ToolRole {
		content := []types.ToolResultContentBlock{&types.ToolResultContentBlockMemberText{Value: m.Content}}
		return role, []types.ContentBlock{&types.ContentBlockMemberToolResult{Value: types.ToolResultBlock{ToolUseId: &m.ToolCallID, Content: content}}}, nil
	}
	if m.Role == Assistant {
		role = types.ConversationRoleAssistant
	}
	if m.Content != "" {
		blocks = append(blocks, &types.ContentBlockMemberText{Value: m.Content})
	}
	for _, url := range m.Images {
		image, err := bedrockImage(url)
		if err != nil {
			return role, nil, err
		}
		blocks = append(blocks, image)
	}
	for _, call := range m.ToolCalls {
		input, err := documentOf(json.RawMessage(call.Arguments))
		if err != nil {
			input, _ = documentOf(nil) // it cannot fail
		}
		blocks = append(blocks, &types.ContentBlockMemberToolUse{Value: types.ToolUseBlock{ToolUseId: &call.ID, Name: &call.Name, Input: input}})
	}
	return role, blocks, nil
}

// bedrockImage parses a data URL: Bedrock fetches no images.
func bedrockImage(url string) (types.ContentBlock, error) {
	rest, isData := strings.CutPrefix(url, "data:image/")
	format, data, isBase64 := strings.Cut(rest, ";base64,")
	if !isData || !isBase64 {
		return nil, errors.New("the provider bedrock takes images as data alone, such as data:image/png;base64,AAAA")
	}
	bytes, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, fmt.Errorf("decode an image: %w", err)
	}
	return &types.ContentBlockMemberImage{Value: types.ImageBlock{
		Format: types.ImageFormat(strings.Replace(format, "jpg", "jpeg", 1)), Source: &types.ImageSourceMemberBytes{Value: bytes},
	}}, nil
}
