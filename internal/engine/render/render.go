package render

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"text/template"
	"text/template/parse"
)

const (
	// MaxOutput is the most bytes that a template may result in.
	MaxOutput = 4 << 20
	// maxText is the most bytes that one function may return.
	maxText = 1 << 20
	// maxSteps bounds the rounds of loops and the calls of named templates.
	maxSteps = 100_000
)

var (
	errOutput = fmt.Errorf("the template results in more than %d bytes", MaxOutput)
	errText   = fmt.Errorf("a function of the template returns more than %d bytes", maxText)
	errSteps  = fmt.Errorf("the template takes more than %d steps", maxSteps)
)

// step is the function that counts; its name is no name that a template can have.
const step = "arkStep"

// Text executes a template on data. A missing key renders as <no value>.
func Text(name, text string, data any) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	steps := 0
	functions := template.FuncMap{
		step: func() (string, error) {
			if steps++; steps > maxSteps {
				return "", errSteps
			}
			return "", nil
		},
		"print":    func(args ...any) (string, error) { return bounded(fmt.Sprint(args...)) },
		"println":  func(args ...any) (string, error) { return bounded(fmt.Sprintln(args...)) },
		"printf":   func(format string, args ...any) (string, error) { return bounded(fmt.Sprintf(format, args...)) },
		"html":     func(args ...any) (string, error) { return bounded(html.EscapeString(fmt.Sprint(args...))) },
		"js":       func(args ...any) (string, error) { return bounded(template.JSEscapeString(fmt.Sprint(args...))) },
		"urlquery": func(args ...any) (string, error) { return bounded(url.QueryEscape(fmt.Sprint(args...))) },
	}
	parsed, err := template.New(name).Funcs(functions).Parse(text)
	if err != nil {
		return "", readable(err)
	}
	counter, err := template.New("").Funcs(functions).Parse("{{" + step + "}}")
	if err != nil {
		return "", err
	}
	for _, t := range parsed.Templates() {
		if t.Tree != nil && t.Root != nil {
			count(t.Root, counter.Root.Nodes[0])
			t.Root.Nodes = append([]parse.Node{counter.Root.Nodes[0]}, t.Root.Nodes...)
		}
	}
	var out limited
	if err := parsed.Execute(&out, data); err != nil {
		return "", readable(err)
	}
	return out.String(), nil
}

// count lets every round of a loop below a list be a step.
func count(list *parse.ListNode, counter parse.Node) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.RangeNode:
			count(n.List, counter)
			count(n.ElseList, counter)
			n.List.Nodes = append([]parse.Node{counter}, n.List.Nodes...)
		case *parse.IfNode:
			count(n.List, counter)
			count(n.ElseList, counter)
		case *parse.WithNode:
			count(n.List, counter)
			count(n.ElseList, counter)
		}
	}
}

func bounded(text string) (string, error) {
	if len(text) > maxText {
		return "", errText
	}
	return text, nil
}

// readable takes away what only the makers of templates' libraries understand.
func readable(err error) error {
	for _, ours := range []error{errOutput, errText, errSteps} {
		if errors.Is(err, ours) {
			return ours
		}
	}
	return errors.New(strings.TrimPrefix(err.Error(), "template: "))
}

// limited is a builder with a bound.
type limited struct{ strings.Builder }

var _ io.Writer = &limited{}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > MaxOutput {
		return 0, errOutput
	}
	return l.Builder.Write(p)
}
