package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/render"
)

// partial are arguments that an agent presets. They have precedence over those of the model.
type partial struct {
	parameters []v1alpha1.Parameter
}

// setPartial removes the preset arguments from the schema that the model receives.
func (t *tool) setPartial(spec *v1alpha1.ToolPartial) error {
	if spec == nil || len(spec.Parameters) == 0 {
		return nil
	}
	var schema map[string]json.RawMessage
	if err := json.Unmarshal(t.schema, &schema); err != nil {
		return fmt.Errorf("read the input schema: %w", err)
	}
	var properties map[string]json.RawMessage
	if schema["properties"] == nil || json.Unmarshal(schema["properties"], &properties) != nil {
		return errors.New("a tool with partial parameters needs an input schema with properties")
	}
	var required []string
	if schema["required"] != nil {
		if err := json.Unmarshal(schema["required"], &required); err != nil {
			return fmt.Errorf("read the input schema: %w", err)
		}
	}
	for _, p := range spec.Parameters {
		delete(properties, p.Name)
		required = slices.DeleteFunc(required, func(name string) bool { return name == p.Name })
	}
	for name, part := range map[string]any{"properties": properties, "required": required} {
		if name == "required" && schema[name] == nil {
			continue
		}
		text, err := json.Marshal(part)
		if err != nil {
			return fmt.Errorf("write the input schema: %w", err)
		}
		schema[name] = text
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return fmt.Errorf("write the input schema: %w", err)
	}
	t.schema, t.partial = text, &partial{spec.Parameters}
	return nil
}

// fill adds the preset arguments.
func (p *partial) fill(ctx context.Context, r *Run, args *arguments) error {
	if p == nil {
		return nil
	}
	direct := map[string]string{}
	for _, q := range r.Query.Spec.Parameters {
		if deref(q.Value) != "" {
			direct[q.Name] = *q.Value
		}
	}
	data := map[string]any{"Query": direct}
	values := objects.Values{From: r.Objects, Namespace: r.Query.Namespace, Parameter: r.queryParameter(true)}
	for _, parameter := range p.parameters {
		text := deref(parameter.Value)
		var err error
		if text != "" {
			text, err = render.Text("partial", text, data)
		} else {
			var value objects.Value
			value, err = values.Of(ctx, nil, parameter.ValueFrom)
			text = value.Text
		}
		if err != nil {
			return fmt.Errorf("partial parameter '%s': %w", parameter.Name, err)
		}
		args.values[parameter.Name] = text
	}
	text, err := json.Marshal(args.values)
	if err != nil {
		return fmt.Errorf("encode the arguments: %w", err)
	}
	args.raw = string(text)
	return nil
}
