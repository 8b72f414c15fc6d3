package render

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/template/parse"
)

// pipeline evaluates commands, passes the result of each to the next one as its last argument, and
// sets variables.
func (f *frame) pipeline(dot value, pipe *parse.PipeNode) (value, error) {
	if pipe == nil {
		return missing, nil
	}
	result, piped := missing, []value(nil)
	for _, command := range pipe.Cmds {
		var err error
		if result, err = f.command(dot, command, piped); err != nil {
			return missing, err
		}
		if result.isNil() {
			result = missing
		}
		piped = []value{result}
	}
	for _, v := range pipe.Decl {
		set := f.declare
		if pipe.IsAssign {
			set = f.assign
		}
		if err := set(v.Ident[0], result); err != nil {
			return missing, f.fail(pipe, err)
		}
	}
	return result, nil
}

// command evaluates one command; piped is the value before the |, if there is one.
func (f *frame) command(dot value, command *parse.CommandNode, piped []value) (value, error) {
	first := command.Args[0]
	if name, ok := first.(*parse.IdentifierNode); ok {
		return f.function(dot, name, command.Args[1:], piped)
	}
	result, err := f.operand(dot, first)
	switch {
	case err != nil:
		return missing, err
	case len(command.Args) > 1 || len(piped) > 0:
		return missing, f.fail(first, fmt.Errorf("%s is no function, and takes no arguments", first))
	case first.Type() == parse.NodeNil:
		return missing, f.fail(command, errors.New("nil is no command"))
	}
	return result, nil
}

// operand evaluates a node that stands alone or is an argument.
func (f *frame) operand(dot value, node parse.Node) (value, error) {
	switch n := node.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.NilNode:
		return null, nil
	case *parse.BoolNode:
		return valueOf(n.True), nil
	case *parse.StringNode:
		return valueOf(n.Text), nil
	case *parse.NumberNode:
		v, err := number(n)
		return v, f.fail(n, err)
	case *parse.FieldNode:
		return f.fields(n, dot, n.Ident)
	case *parse.VariableNode:
		v, err := f.lookup(n.Ident[0])
		if err != nil {
			return missing, f.fail(n, err)
		}
		return f.fields(n, v, n.Ident[1:])
	case *parse.ChainNode:
		if n.Node.Type() == parse.NodeNil {
			return missing, f.fail(n, errors.New("nil has no fields"))
		}
		v, err := f.operand(dot, n.Node)
		if err != nil {
			return missing, err
		}
		return f.fields(n, v, n.Field)
	case *parse.IdentifierNode:
		return f.function(dot, n, nil, nil)
	case *parse.PipeNode:
		return f.pipeline(dot, n)
	}
	return missing, f.fail(node, errors.New("this is no value"))
}

func (f *frame) fields(node parse.Node, v value, names []string) (value, error) {
	for _, name := range names {
		var err error
		if v, err = v.field(name); err != nil {
			return missing, f.fail(node, err)
		}
	}
	return v, nil
}

// function calls a function. For and and or it evaluates only as many arguments as decide the
// result.
func (f *frame) function(dot value, name *parse.IdentifierNode, nodes []parse.Node, piped []value) (value, error) {
	lazy := name.Ident == "and" || name.Ident == "or"
	args := make([]value, 0, len(nodes)+len(piped))
	for _, node := range nodes {
		arg, err := f.operand(dot, node)
		if err != nil {
			return missing, err
		}
		if lazy && arg.truth() == (name.Ident == "or") {
			return arg, nil
		}
		args = append(args, arg)
	}
	args = append(args, piped...)
	result, err := functions[name.Ident](args)
	if text, ok := result.of.(string); ok && err == nil {
		err = f.made(len(text))
	}
	return result, f.fail(name, err)
}

// number returns the value of a constant for which no type is given.
func number(n *parse.NumberNode) (value, error) {
	hex := len(n.Text) > 2 && n.Text[0] == '0' && (n.Text[1] == 'x' || n.Text[1] == 'X') && !strings.ContainsAny(n.Text, "pP")
	switch {
	case n.IsComplex:
		return valueOf(n.Complex128), nil
	case n.IsFloat && !hex && n.Text[0] != '\'' && strings.ContainsAny(n.Text, ".eEpP"):
		return valueOf(n.Float64), nil
	case n.IsInt && int64(int(n.Int64)) == n.Int64:
		return valueOf(int(n.Int64)), nil
	}
	return missing, errors.New(strconv.Quote(n.Text) + " is too large")
}
