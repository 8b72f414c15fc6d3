package objectjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
)

// UnknownFields are the fields of an object's JSON text that its Go type does not
// declare. A type keeps them in a field of this type with the JSON name "-": a Codec
// then fills it instead of leaving the text to the caller, and puts the fields back
// where they were. The zero value holds none.
type UnknownFields struct {
	// Raw is empty, or a JSON list of [path, value] in the order of paths, where a
	// path is a list of names and list indexes. It is a string because copies share it
	// and comparison is cheap; values are canonical, so equal fields are equal text.
	//
	// +k8s:opaqueType
	Raw string `json:"-"`

	// TooDeep says that a value with free content nests deeper than MaxNesting. It is for
	// the validation of what a client sends.
	TooDeep bool `json:"-"`
}

// MaxNesting is how deep a value with free content may nest, so an unknown field too. Each
// level takes stack in every recursive function of every program that reads the object.
const MaxNesting = 200

// RandFill leaves the value zero in tests that fill objects with random values, as a
// random text is none that holds fields.
func (u *UnknownFields) RandFill(*rand.Rand) { *u = UnknownFields{} }

// UnknownField is one of them.
type UnknownField struct {
	Path Path
	// Value is JSON text in canonical form.
	Value string
}

// Path leads from the root of an object to one of its fields.
type Path []Step

// Step is the name of a field or key, or if that is empty the index in a list.
type Step struct {
	name    string
	index   int
	isIndex bool
}

// Name returns the step's name; "" for an index.
func (s Step) Name() string { return s.name }

// Index returns the step's index; ok is false for a name.
func (s Step) Index() (index int, ok bool) { return s.index, s.isIndex }

func name(n string) Step { return Step{name: n} }

// Index returns the step to an element of a list.
func Index(i int) Step { return Step{index: i, isIndex: true} }

// MarshalJSON returns a string or a number.
func (s Step) MarshalJSON() ([]byte, error) {
	if s.isIndex {
		return strconv.AppendInt(nil, int64(s.index), 10), nil
	}
	return appendString(nil, s.name), nil
}

// UnmarshalJSON is the reverse.
func (s *Step) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		*s = Step{}
		return json.Unmarshal(text, &s.name)
	}
	*s = Step{isIndex: true}
	return json.Unmarshal(text, &s.index)
}

// String returns the path as decoders print it: status.conditions[0].severity.
func (p Path) String() string { return p.format(func(i int) string { return strconv.Itoa(i) }) }

// Pattern returns the path without indexes: status.conditions[].severity.
func (p Path) Pattern() string { return p.format(func(int) string { return "" }) }

func (p Path) format(ofIndex func(int) string) string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.isIndex:
			b.WriteString("[" + ofIndex(s.index) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// compare orders paths: parents first, then by index or name.
func (p Path) compare(other Path) int {
	return slices.CompareFunc(p, other, func(a, b Step) int {
		if a.isIndex != b.isIndex {
			if a.isIndex {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.index, b.index), strings.Compare(a.name, b.name))
	})
}

// NewUnknownFields returns the fields given, whose values may be any JSON text. Of
// two with one path the last counts, as in a decoder.
func NewUnknownFields(fields []UnknownField) (UnknownFields, error) {
	if len(fields) == 0 {
		return UnknownFields{}, nil
	}
	fields = slices.Clone(fields)
	slices.SortStableFunc(fields, func(a, b UnknownField) int { return a.Path.compare(b.Path) })
	raw := []byte{'['}
	for i, f := range fields {
		if i+1 < len(fields) && f.Path.compare(fields[i+1].Path) == 0 {
			continue
		}
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		path, err := json.Marshal(f.Path)
		if err != nil {
			return UnknownFields{}, fmt.Errorf("encode the path of an unknown field: %w", err)
		}
		value, err := Canonical([]byte(f.Value))
		if err != nil {
			return UnknownFields{}, fmt.Errorf("unknown field %q: %w", f.Path, err)
		}
		raw = append(append(append(append(append(raw, '['), path...), ','), value...), ']')
	}
	return UnknownFields{Raw: string(append(raw, ']'))}, nil
}

// List returns the fields in the order of their paths.
func (u UnknownFields) List() []UnknownField {
	if u.Raw == "" {
		return nil
	}
	var pairs [][2]json.RawMessage
	if json.Unmarshal([]byte(u.Raw), &pairs) != nil {
		return nil // no text of NewUnknownFields
	}
	fields := make([]UnknownField, 0, len(pairs))
	for _, pair := range pairs {
		f := UnknownField{Value: string(pair[1])}
		if json.Unmarshal(pair[0], &f.Path) != nil {
			return nil
		}
		fields = append(fields, f)
	}
	return fields
}

// Canonical rewrites one JSON value without white space, with sorted keys and with
// numbers as they are written.
func Canonical(text []byte) (string, error) {
	if err := checkNumbers(text); err != nil {
		return "", err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("decode JSON value: %w", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", fmt.Errorf("encode JSON value: %w", err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}
