package render

import (
	"errors"
	"fmt"
	"text/template/parse"
)

// frame is the execution of one named template.
type frame struct {
	*run
	tree      *parse.Tree
	depth     int
	variables []variable
}

// variable is a declared variable; an inner one hides an outer one of the same name.
type variable struct {
	name  string
	value value
}

var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)

// fail adds the position in the text to an error, unless it has one.
func (f *frame) fail(node parse.Node, err error) error {
	var said *placed
	if err == nil || errors.As(err, &said) {
		return err
	}
	for _, bound := range []error{errOutput, errText, errMade, errSteps, errDepth, errBreak, errContinue} {
		if errors.Is(err, bound) {
			return err
		}
	}
	place, text := f.tree.ErrorContext(node)
	return &placed{fmt.Sprintf("%s: at <%s>: %s", place, text, err)}
}

// placed is an error with a position.
type placed struct{ text string }

// Error implements error.
func (p *placed) Error() string { return p.text }

// list executes nodes in order.
func (f *frame) list(dot value, list *parse.ListNode) error {
	if list == nil {
		return nil
	}
	for _, node := range list.Nodes {
		if err := f.node(dot, node); err != nil {
			return err
		}
	}
	return nil
}

func (f *frame) node(dot value, node parse.Node) error {
	switch n := node.(type) {
	case *parse.TextNode:
		return f.write(string(n.Text))
	case *parse.ActionNode:
		result, err := f.pipeline(dot, n.Pipe)
		if err != nil || len(n.Pipe.Decl) > 0 {
			return err
		}
		text, err := result.text()
		if err != nil {
			return f.fail(n.Pipe, err)
		}
		return f.write(text)
	case *parse.IfNode:
		return f.branch(dot, &n.BranchNode, false)
	case *parse.WithNode:
		return f.branch(dot, &n.BranchNode, true)
	case *parse.RangeNode:
		return f.rounds(dot, n)
	case *parse.TemplateNode:
		return f.call(dot, n)
	case *parse.BreakNode:
		return errBreak
	case *parse.ContinueNode:
		return errContinue
	case *parse.CommentNode:
		return nil
	}
	return f.fail(node, errors.New("this cannot be executed"))
}

// scoped executes inner, and removes the variables that it declared.
func (f *frame) scoped(inner func() error) error {
	mark := len(f.variables)
	defer func() { f.variables = f.variables[:mark] }()
	return inner()
}

// branch executes if and with; with makes the condition the dot.
func (f *frame) branch(dot value, n *parse.BranchNode, with bool) error {
	return f.scoped(func() error {
		condition, err := f.pipeline(dot, n.Pipe)
		if err != nil {
			return err
		}
		if !condition.truth() {
			return f.list(dot, n.ElseList)
		}
		if with {
			dot = condition
		}
		return f.list(dot, n.List)
	})
}

// rounds executes range.
func (f *frame) rounds(dot value, n *parse.RangeNode) error {
	return f.scoped(func() error {
		over, err := f.pipeline(dot, n.Pipe)
		if err != nil {
			return err
		}
		ran := false
		err = over.each(len(n.Pipe.Decl) > 1, func(key, element value) error {
			ran = true
			return f.round(n, key, element)
		})
		if errors.Is(err, errBreak) {
			err = nil
		}
		if err != nil || ran {
			return f.fail(n.Pipe, err)
		}
		return f.list(dot, n.ElseList)
	})
}

// round executes the body of a loop once.
func (f *frame) round(n *parse.RangeNode, key, element value) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.scoped(func() error {
		decl := n.Pipe.Decl
		set := f.declare
		if n.Pipe.IsAssign {
			set = f.assign
		}
		switch len(decl) {
		case 1:
			if err := set(decl[0].Ident[0], element); err != nil {
				return err
			}
		case 2:
			if err := errors.Join(set(decl[0].Ident[0], key), set(decl[1].Ident[0], element)); err != nil {
				return err
			}
		}
		if err := f.list(element, n.List); !errors.Is(err, errContinue) {
			return err
		}
		return nil
	})
}

// call executes a named template.
func (f *frame) call(dot value, n *parse.TemplateNode) error {
	tree := f.named[n.Name]
	if tree == nil {
		return f.fail(n, fmt.Errorf("there is no template %q", n.Name))
	}
	given, err := f.pipeline(dot, n.Pipe)
	if err != nil {
		return err
	}
	return f.template(tree, given, f.depth+1)
}

func (f *frame) declare(name string, v value) error {
	f.variables = append(f.variables, variable{name, v})
	return nil
}

func (f *frame) assign(name string, v value) error {
	for i := len(f.variables) - 1; i >= 0; i-- {
		if f.variables[i].name == name {
			f.variables[i].value = v
			return nil
		}
	}
	return fmt.Errorf("there is no variable %s", name)
}

func (f *frame) lookup(name string) (value, error) {
	for i := len(f.variables) - 1; i >= 0; i-- {
		if f.variables[i].name == name {
			return f.variables[i].value, nil
		}
	}
	return value{}, fmt.Errorf("there is no variable %s", name)
}
