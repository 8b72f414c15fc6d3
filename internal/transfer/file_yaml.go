package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"sigs.k8s.io/yaml"
)

// readYAML reads YAML documents, which lines of --- part.
func readYAML(name string, in *bufio.Reader, add func([]byte, string) error) error {
	var document bytes.Buffer
	line, first := 0, 1
	finish := func() error {
		text := document.Bytes()
		at := first + blankLines(text)
		if isBlank(text) {
			return nil
		}
		value, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			line, reason := yamlFault(err, first)
			return &SyntaxError{File: name, Line: line, Err: reason}
		}
		if bytes.Equal(value, []byte("null")) {
			return nil // comments only
		}
		return add(value, fmt.Sprintf("%s, line %d", name, at))
	}
	for {
		text, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", name, err)
		}
		ended := err != nil
		if len(text) > 0 {
			line++
		}
		if isSeparator(text) {
			if err := finish(); err != nil {
				return err
			}
			document.Reset()
			// What follows --- on its line belongs to the document.
			document.Write(bytes.TrimPrefix(text, []byte("---")))
			first = line
		} else {
			document.Write(text)
		}
		if ended {
			return finish()
		}
	}
}

func isSeparator(line []byte) bool {
	rest, found := bytes.CutPrefix(line, []byte("---"))
	return found && (len(rest) == 0 || bytes.ContainsAny(rest[:1], " \t\r\n"))
}

func isBlank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

// blankLines counts the lines before the first that says something.
func blankLines(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		trimmed := bytes.TrimSpace(line)
		if len(trimmed) > 0 && trimmed[0] != '#' {
			break
		}
		n++
	}
	return n
}

var yamlLine = regexp.MustCompile(`(?s)^(?:error converting YAML to JSON: )?(?:yaml: )?(?:unmarshal errors:\n\s*)?(?:line (\d+): )?(.*)$`)

// yamlFault takes the line out of the parser's message, which counts from the start of the
// document.
func yamlFault(err error, first int) (int, error) {
	found := yamlLine.FindStringSubmatch(err.Error())
	if found == nil || found[1] == "" {
		return first, err
	}
	n, _ := strconv.Atoi(found[1]) // digits, by the pattern
	return first + n - 1, errors.New(found[2])
}
