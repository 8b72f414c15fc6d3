package render

import (
	"errors"
	"fmt"
	"strings"
	"text/template/parse"
)

const (
	// MaxOutput is the most bytes of a template's output.
	MaxOutput = 4 << 20
	// maxText is the most bytes that one function may return.
	maxText = 1 << 20
	// maxMade is the most bytes that all functions may return together.
	maxMade = 64 << 20
	// maxSteps bounds the rounds of loops and the calls of named templates.
	maxSteps = 100_000
	// maxDepth bounds how deep named templates call each other.
	maxDepth = 1000
)

var (
	errOutput = fmt.Errorf("the template results in more than %d bytes", MaxOutput)
	errText   = fmt.Errorf("a function of the template returns more than %d bytes", maxText)
	errMade   = fmt.Errorf("the functions of the template return more than %d bytes together", maxMade)
	errSteps  = fmt.Errorf("the template takes more than %d steps", maxSteps)
	errDepth  = fmt.Errorf("named templates call each other more than %d deep", maxDepth)
)

// Text executes a template on data: maps with texts as keys, lists, texts, numbers, booleans and
// nil. A missing key renders as <no value>. An error names the place in the text.
func Text(name, text string, data any) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	named, err := parse.Parse(name, text, "", "", names)
	if err != nil {
		return "", errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	tree := named[name]
	if tree == nil || tree.Root == nil { // the text defines templates, and has nothing else
		return "", nil
	}
	r := &run{named: named, out: &strings.Builder{}}
	if err := r.template(tree, valueOf(data), 0); err != nil {
		return "", err
	}
	return r.out.String(), nil
}

// run is one execution.
type run struct {
	named map[string]*parse.Tree
	out   *strings.Builder
	steps int
	bytes int // bytes that functions have returned
}

// write appends to the output.
func (r *run) write(text string) error {
	if r.out.Len()+len(text) > MaxOutput {
		return errOutput
	}
	r.out.WriteString(text)
	return nil
}

// step counts a round of a loop or a call of a named template.
func (r *run) step() error {
	if r.steps++; r.steps > maxSteps {
		return errSteps
	}
	return nil
}

// made counts the bytes that a function returns.
func (r *run) made(n int) error {
	if r.bytes += n; r.bytes > maxMade {
		return errMade
	}
	return nil
}

// template executes one named template with its own variables.
func (r *run) template(tree *parse.Tree, dot value, depth int) error {
	if depth >= maxDepth {
		return errDepth
	}
	if err := r.step(); err != nil {
		return err
	}
	f := &frame{run: r, tree: tree, depth: depth, variables: []variable{{"$", dot}}}
	return f.list(dot, tree.Root)
}
