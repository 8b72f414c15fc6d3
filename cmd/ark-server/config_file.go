package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// configEntry is one key of a configuration file with its value.
type configEntry struct {
	key   string
	line  int
	value *yaml.Node
}

// fromConfigFile sets the flags of a command from the configuration file, except flags that are
// already set. The file may also contain flags of other commands. The error lists every fault with
// its line.
func (o *options) fromConfigFile(cmd *cobra.Command) error {
	path := o.configFile
	if err := privatefile.CheckGiven(path, false); err != nil {
		return fmt.Errorf("--config=%s: %w", path, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--config=%s: %w: name a file of lines such as db-path: ./ark.db, or leave it out", path, err)
	}
	entries, faults := parseConfig(text, settings(cmd.Root()))
	at := map[string]string{}
	for _, e := range entries {
		f := cmd.Flags().Lookup(e.key)
		if f == nil || f.Changed {
			continue
		}
		if err := e.set(cmd.Flags(), f); err != nil {
			faults = append(faults, lineError{e.line, err})
			continue
		}
		at[e.key] = fmt.Sprintf("%s:%d", path, e.line)
	}
	o.sources.note(cmd.Flags(), func(flag string) source { return source{place: at[flag], at: at[flag]} })
	var errs []error
	for _, fault := range faults {
		errs = append(errs, fmt.Errorf("%s:%d: %w", path, fault.line, fault.error))
	}
	return errors.Join(errs...)
}

// lineError is a fault with its line; the line is 1 if it is not known.
type lineError struct {
	line int
	error
}

// parseConfig returns the valid entries of a file, and the faults of the others.
func parseConfig(text []byte, known []string) (entries []configEntry, faults []lineError) {
	fault := func(line int, format string, args ...any) {
		faults = append(faults, lineError{line, fmt.Errorf(format, args...)})
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, next yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil // only comments
	} else if err != nil {
		return nil, []lineError{syntaxError(err)}
	}
	if err := decoder.Decode(&next); err == nil {
		fault(next.Line, "a second document begins here: write one list of settings")
		return nil, faults
	} else if !errors.Is(err, io.EOF) {
		return nil, []lineError{syntaxError(err)}
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		fault(root.Line, "it is not a list of settings: write one flag: value a line, such as db-path: ./ark.db")
		return nil, faults
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		first, double := lines[key.Value]
		lines[key.Value] = key.Line
		switch {
		case key.Kind != yaml.ScalarNode:
			fault(key.Line, "a key must be the name of a flag, such as db-path")
		case double:
			fault(key.Line, "%s is set in line %d already: leave one of them out", key.Value, first)
		case key.Value == "config":
			fault(key.Line, "config: a configuration file does not name another one: leave it out")
		case !slices.Contains(known, key.Value):
			fault(key.Line, "no flag is called %q%s (ark-server --help-all lists them)", key.Value, didYouMean(strings.TrimLeft(key.Value, "-"), "", known))
		default:
			entries = append(entries, configEntry{key.Value, key.Line, value})
		}
	}
	return entries, faults
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError extracts the line from an error of the YAML parser.
func syntaxError(err error) lineError {
	line := 1
	text := err.Error()
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		text = strings.TrimPrefix(text, m[0])
		_, _ = fmt.Sscan(m[1], &line) // an error without a line is about the whole file
	}
	return lineError{line, fmt.Errorf("it is not YAML: %s", text)}
}

// set sets a flag to the value of an entry.
func (e configEntry) set(flags *pflag.FlagSet, f *pflag.Flag) error {
	switch e.value.Kind {
	case yaml.SequenceNode:
		list, ok := f.Value.(pflag.SliceValue)
		if !ok {
			return fmt.Errorf("%s takes one value, and this is a list", e.key)
		}
		var items []string
		for _, item := range e.value.Content {
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				return fmt.Errorf("%s takes a list of plain values", e.key)
			}
			items = append(items, item.Value)
		}
		if err := list.Replace(items); err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		f.Changed = true
		return nil
	case yaml.ScalarNode:
		return e.setScalar(flags, f)
	default:
		return fmt.Errorf("%s takes a plain value, not a mapping or a reference", e.key)
	}
}

func (e configEntry) setScalar(flags *pflag.FlagSet, f *pflag.Flag) error {
	text, tag, kind := e.value.Value, e.value.Tag, f.Value.Type()
	wrong := func(want string) error { return fmt.Errorf("%s: %q: want %s", e.key, text, want) }
	switch {
	case tag == "!!null":
		return fmt.Errorf("%s has no value: write one, or leave the key out for the default", e.key)
	case kind == "bool" && tag != "!!bool":
		return wrong("true or false, without quotes")
	case (strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint")) && !strings.Contains(kind, "Slice") && tag != "!!int":
		return wrong("a whole number, without quotes")
	case strings.HasPrefix(kind, "float") && tag != "!!int" && tag != "!!float":
		return wrong("a number, without quotes")
	}
	if err := flags.Set(f.Name, text); err != nil {
		if kind == "duration" {
			return wrong("a duration such as 30s or 5m")
		}
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			err = invalid.Unwrap()
		}
		return fmt.Errorf("%s: %q: %w", e.key, text, err)
	}
	return nil
}
