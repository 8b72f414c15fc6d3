package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	noop      = "noop"
	terminate = "terminate"
)

func isBuiltin(name string) bool { return name == noop || name == terminate }

const terminateSchema = `{"type":"object","properties":{"response":{"type":"string","description":"The final answer"}},"required":["response"]}`

// bindBuiltin creates one of the engine's built-in tools.
func bindBuiltin(t *tool, name string) error {
	t.kind = "builtin"
	switch name {
	case noop:
		t.description = firstOf(t.description, "Do nothing but return the arguments")
		t.execute = func(_ context.Context, args arguments) (output, error) {
			return output{text: fmt.Sprint(args.values)}, nil
		}
	case terminate:
		t.description = firstOf(t.description, "End the conversation with a final answer")
		if string(t.schema) == emptySchema {
			t.schema = json.RawMessage(terminateSchema)
		}
		t.terminates = true
		t.execute = func(_ context.Context, args arguments) (output, error) {
			text, ok := args.values["response"].(string)
			if !ok {
				return output{}, errors.New("the argument 'response' is missing or no text")
			}
			return output{text: text}, nil
		}
	default:
		return fmt.Errorf("unsupported built-in tool '%s': supported built-in tools are: noop, terminate", name)
	}
	return nil
}
