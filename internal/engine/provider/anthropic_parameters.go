package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// anthropicParameters adds the client's parameters, which have OpenAI's names. One that Anthropic's
// API does not have is an error; hints are omitted.
func anthropicParameters(request map[string]any, parameters map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		value := parameters[name]
		switch name {
		case "max_tokens", "max_completion_tokens":
			request["max_tokens"] = value
		case "temperature", "top_p":
			request[name] = value
		case "stop":
			var one string
			if json.Unmarshal(value, &one) == nil {
				request["stop_sequences"] = []string{one}
				continue
			}
			request["stop_sequences"] = value
		case "tool_choice":
			choice, err := anthropicChoice(value)
			if err != nil {
				return err
			}
			request[name] = choice
		case "user", "safety_identifier", "prompt_cache_key", "service_tier":
		default:
			return fmt.Errorf("the provider anthropic does not have the parameter %s: leave it out", name)
		}
	}
	return nil
}

func anthropicChoice(value json.RawMessage) (map[string]string, error) {
	var word string
	if json.Unmarshal(value, &word) == nil {
		if kind, ok := map[string]string{"auto": "auto", "required": "any", "none": "none"}[word]; ok {
			return map[string]string{"type": kind}, nil
		}
	}
	var named struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if json.Unmarshal(value, &named) == nil && named.Function.Name != "" {
		return map[string]string{"type": "tool", "name": named.Function.Name}, nil
	}
	return nil, fmt.Errorf("the provider anthropic does not have this tool_choice: use auto, none, required or a function")
}
