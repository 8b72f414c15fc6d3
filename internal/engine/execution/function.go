package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// jqTimeout bounds the run time of one filter, which may loop, and thereby the memory that it can
// use.
const jqTimeout = time.Second

// function changes the text that a tool returns.
type function func(ctx context.Context, text string) (string, error)

// functions returns the functions that an agent applies to a tool's results, in order. Only jq is
// supported: Ark ignores others.
func (r *Run) functions(ctx context.Context, namespace string, specs []v1alpha1.ToolFunction) ([]function, error) {
	values := objects.Values{From: r.Objects, Namespace: namespace, Parameter: r.queryParameter(true)}
	var out []function
	for _, spec := range specs {
		if spec.Name != "jq" {
			continue
		}
		expression, err := values.Of(ctx, spec.Value, spec.ValueFrom)
		if err != nil {
			return nil, fmt.Errorf("function jq: %w", err)
		}
		if strings.TrimSpace(expression.Text) != "" {
			out = append(out, func(ctx context.Context, text string) (string, error) { return jq(ctx, expression.Text, text) })
		}
	}
	return out, nil
}

// jq applies a filter to a JSON text. A text that is not JSON is returned unchanged.
func jq(ctx context.Context, expression, text string) (string, error) {
	var input any
	if json.Unmarshal([]byte(text), &input) != nil {
		return text, nil
	}
	parsed, err := gojq.Parse(expression)
	if err != nil {
		return "", fmt.Errorf("function jq: read the filter: %w", err)
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return "", fmt.Errorf("function jq: read the filter: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, jqTimeout, fmt.Errorf("function jq: no result within %s", jqTimeout))
	defer cancel()
	var results []json.RawMessage
	size := 0
	for run := code.RunWithContext(ctx, input); ; {
		value, more := run.Next()
		if !more {
			break
		}
		if err, failed := value.(error); failed {
			var halt *gojq.HaltError
			if errors.As(err, &halt) && halt.Value() == nil {
				break
			}
			if cause := context.Cause(ctx); cause != nil {
				return "", cause
			}
			return "", fmt.Errorf("function jq: %w", err)
		}
		result, err := gojq.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("function jq: encode a result: %w", err)
		}
		if size += len(result); size > maxToolResult {
			return "", fmt.Errorf("function jq: the results have more than %d bytes, the most that are taken", maxToolResult)
		}
		results = append(results, result)
	}
	switch len(results) {
	case 0:
		return "", nil
	case 1:
		return string(results[0]), nil
	}
	all, err := json.Marshal(results)
	if err != nil {
		return "", fmt.Errorf("function jq: encode the results: %w", err)
	}
	return string(all), nil
}
