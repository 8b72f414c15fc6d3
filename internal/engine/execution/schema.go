package execution

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// maxSchema bounds the parts of a schema with all that it refers to: so many are compared with each
// part of an answer at most.
const maxSchema = 10_000

// maxVerdict is the most bytes that are told of what is wrong with an answer.
const maxVerdict = 2000

// SchemaVerdict is what a schema says to an answer.
type SchemaVerdict struct {
	// Valid says that the answer is what the schema asks for.
	Valid bool
	// Unknown says that the schema cannot be used to check anything.
	Unknown bool
	// Why says what is wrong.
	Why string
}

// checkSchema holds an answer against an agent's schema; nil for an agent without one.
func checkSchema(schema json.RawMessage, answer string) *SchemaVerdict {
	if schema == nil {
		return nil
	}
	resolved, err := compile(schema)
	if err != nil {
		return &SchemaVerdict{Unknown: true, Why: cut("the schema cannot be used to check the answer: "+err.Error(), maxVerdict)}
	}
	var value any
	if err := json.Unmarshal([]byte(answer), &value); err != nil {
		return &SchemaVerdict{Why: "the answer is no JSON: " + err.Error()}
	}
	if err := resolved.Validate(value); err != nil {
		return &SchemaVerdict{Why: cut(err.Error(), maxVerdict)}
	}
	return &SchemaVerdict{Valid: true}
}

// compile reads a schema whose use is bounded: without references to itself and to elsewhere.
func compile(text json.RawMessage) (*jsonschema.Resolved, error) {
	var raw map[string]any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, errors.New("it is no JSON object")
	}
	delete(raw, "$schema") // the drafts that differ in what is checked here are not told apart
	delete(raw, "$id")
	if err := (&measure{root: raw, sizes: map[string]int{}}).check(); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(raw)
	if err != nil {
		return nil, fmt.Errorf("encode it: %w", err)
	}
	schema := &jsonschema.Schema{}
	if err := json.Unmarshal(plain, schema); err != nil {
		return nil, err
	}
	return schema.Resolve(nil)
}

// measure counts the parts of a schema, with those that it refers to as often as it does.
type measure struct {
	root any
	// sizes are those of what is referred to; -1 while it is being counted.
	sizes map[string]int
}

func (m *measure) check() error {
	_, err := m.of(m.root)
	return err
}

func (m *measure) of(part any) (int, error) {
	size := 1
	add := func(inner any) error {
		n, err := m.of(inner)
		if size += n; err == nil && size > maxSchema {
			err = fmt.Errorf("it has more than %d parts, with those that it refers to", maxSchema)
		}
		return err
	}
	switch p := part.(type) {
	case []any:
		for _, inner := range p {
			if err := add(inner); err != nil {
				return 0, err
			}
		}
	case map[string]any:
		for name, inner := range p {
			switch target, isText := inner.(string); {
			case name == "$ref" && isText:
				n, err := m.reference(target)
				if err != nil {
					return 0, err
				}
				size += n
			case isText && (name == "$dynamicRef" || name == "$recursiveRef" || name == "$anchor" || name == "$dynamicAnchor" || name == "$id"):
				return 0, fmt.Errorf("it uses %s", name)
			}
			if err := add(inner); err != nil {
				return 0, err
			}
		}
	}
	return size, nil
}

// reference returns the size of what a reference names, which is to be a JSON pointer within the
// schema.
func (m *measure) reference(target string) (int, error) {
	if size, known := m.sizes[target]; known {
		if size < 0 {
			return 0, fmt.Errorf("%s refers to itself", target)
		}
		return size, nil
	}
	pointer, within := strings.CutPrefix(target, "#")
	if !within || pointer != "" && pointer[0] != '/' {
		return 0, fmt.Errorf("it refers to %s, which is not in it", cut(target, 200))
	}
	at := m.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			break
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		switch inner := at.(type) {
		case map[string]any:
			at = inner[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(inner) {
				return 0, fmt.Errorf("it refers to %s, which is not in it", cut(target, 200))
			}
			at = inner[i]
		default:
			at = nil
		}
		if at == nil {
			return 0, fmt.Errorf("it refers to %s, which is not in it", cut(target, 200))
		}
	}
	m.sizes[target] = -1
	size, err := m.of(at)
	m.sizes[target] = size
	return size, err
}
