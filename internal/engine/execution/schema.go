package execution

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// maxSchema bounds the parts of a schema including all that it refers to. Each part of an answer is
// compared with at most this many.
const maxSchema = 10_000

// maxVerdict is the most bytes of the explanation why an answer is invalid.
const maxVerdict = 2000

// SchemaVerdict is the result of validating an answer against a schema.
type SchemaVerdict struct {
	// Valid is true if the answer conforms to the schema.
	Valid bool
	// Unknown is true if the schema cannot be used for validation.
	Unknown bool
	// Why is the reason why the answer is not valid.
	Why string
}

// checkSchema validates an answer against an agent's schema; it returns nil for an agent without
// one.
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

// compile parses a schema of bounded cost: one without references to itself or to other documents.
func compile(text json.RawMessage) (*jsonschema.Resolved, error) {
	var raw map[string]any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, errors.New("it is no JSON object")
	}
	delete(raw, "$schema") // what is checked here is the same in all drafts
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

// measure counts the parts of a schema. A referenced part counts once for each reference.
type measure struct {
	root any
	// sizes are the sizes of referenced parts; -1 while one is being counted.
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

// reference returns the size of the target of a reference, which has to be a JSON pointer within
// the schema.
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
