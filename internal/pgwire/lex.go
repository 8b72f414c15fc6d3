package pgwire

import (
	"strings"
	"unicode"
)

// kind is the kind of a node.
type kind int

const (
	word      kind = iota // unquoted, lower case
	quoted                // "quoted identifier", without its quotes
	text                  // 'string', without its quotes
	number                // 12.5e3
	parameter             // $1, without $
	operator              // ::, <=, ",", "."
	group                 // ( ... )
)

// node is a token, or a group in parentheses.
type node struct {
	kind kind
	text string
	in   []node
}

func (n node) is(words ...string) bool {
	for _, w := range words {
		if (n.kind == word || n.kind == operator) && n.text == w {
			return true
		}
	}
	return false
}

func (n node) name() bool { return n.kind == word || n.kind == quoted }

// operators are those of more than one character, longest first.
var operators = []string{"->>", "#>>", "!~*", "::", "<=", ">=", "<>", "!=", "||", "->", "#>", "~*", "!~", "@>", "<@", "&&", ":="}

type lexer struct {
	rest  string
	depth int
}

// maxDepth bounds the nesting of parentheses.
const maxDepth = 50

// lex splits a text into statements, which are separated by semicolons.
func lex(statement string) ([][]node, error) {
	l := &lexer{rest: statement}
	var all [][]node
	for {
		nodes, end, err := l.until(0)
		if err != nil {
			return nil, err
		}
		if len(nodes) > 0 {
			all = append(all, nodes)
		}
		if end == 0 {
			return all, nil
		}
	}
}

// until reads nodes up to a closing parenthesis, a semicolon or the end, and returns that.
func (l *lexer) until(closing byte) (nodes []node, end byte, err error) {
	for {
		if err := l.blank(); err != nil {
			return nil, 0, err
		}
		if l.rest == "" {
			if closing != 0 {
				return nil, 0, &Fault{codeSyntax, "syntax error: a parenthesis is not closed"}
			}
			return nodes, 0, nil
		}
		c := l.rest[0]
		switch {
		case c == '(':
			if l.depth++; l.depth > maxDepth {
				return nil, 0, &Fault{"54001", "there are too many parentheses within each other"}
			}
			l.rest = l.rest[1:]
			in, _, err := l.until(')')
			if err != nil {
				return nil, 0, err
			}
			l.depth--
			nodes = append(nodes, node{kind: group, in: in})
		case c == ')':
			if closing != ')' {
				return nil, 0, &Fault{codeSyntax, `syntax error at or near ")"`}
			}
			l.rest = l.rest[1:]
			return nodes, c, nil
		case c == ';':
			if closing != 0 {
				return nil, 0, &Fault{codeSyntax, `syntax error at or near ";"`}
			}
			l.rest = l.rest[1:]
			return nodes, c, nil
		default:
			one, err := l.token()
			if err != nil {
				return nil, 0, err
			}
			nodes = append(nodes, one)
		}
	}
}

// blank skips white space and comments.
func (l *lexer) blank() error {
	for {
		l.rest = strings.TrimLeft(l.rest, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(l.rest, "--"):
			i := strings.IndexByte(l.rest, '\n')
			if i < 0 {
				i = len(l.rest) - 1
			}
			l.rest = l.rest[i+1:]
		case strings.HasPrefix(l.rest, "/*"):
			i := strings.Index(l.rest[2:], "*/")
			if i < 0 {
				return &Fault{codeSyntax, "syntax error: a comment is not closed"}
			}
			l.rest = l.rest[i+4:]
		default:
			return nil
		}
	}
}

func (l *lexer) token() (node, error) {
	c := l.rest[0]
	switch {
	case c == '\'':
		return l.delimited(text, "'", 1)
	case c == '"':
		return l.delimited(quoted, `"`, 1)
	case (c == 'e' || c == 'E') && strings.HasPrefix(l.rest[1:], "'"):
		one, err := l.delimited(text, "'", 2)
		one.text = escapes.Replace(one.text)
		if err == nil && strings.Contains(strings.ReplaceAll(one.text, `\\`, ""), `\`) {
			err = unsupported("such a backslash in a string E'...'")
		}
		one.text = strings.ReplaceAll(one.text, `\\`, `\`)
		return one, err
	case c == '$':
		if n := digits(l.rest[1:]); n > 0 {
			return l.take(parameter, 1+n, 1), nil
		}
		if i := strings.IndexByte(l.rest[1:], '$'); i >= 0 && identifier(l.rest[1:1+i]) == i {
			tag := l.rest[:i+2]
			if j := strings.Index(l.rest[len(tag):], tag); j >= 0 {
				one := node{kind: text, text: l.rest[len(tag) : len(tag)+j]}
				l.rest = l.rest[2*len(tag)+j:]
				return one, nil
			}
		}
		return node{}, &Fault{codeSyntax, `syntax error at or near "$"`}
	case digits(l.rest) > 0 || c == '.' && digits(l.rest[1:]) > 0:
		return l.take(number, numberLength(l.rest), 0), nil
	}
	if n := identifier(l.rest); n > 0 {
		one := l.take(word, n, 0)
		one.text = strings.ToLower(one.text)
		return one, nil
	}
	for _, o := range operators {
		if strings.HasPrefix(l.rest, o) {
			return l.take(operator, len(o), 0), nil
		}
	}
	if strings.IndexByte("+-*/%<>=.,~[]^|&#!:?@", c) < 0 {
		return node{}, &Fault{codeSyntax, "syntax error at or near " + string([]rune(l.rest)[:1])}
	}
	return l.take(operator, 1, 0), nil
}

func (l *lexer) take(k kind, n, skip int) node {
	one := node{kind: k, text: l.rest[skip:n]}
	l.rest = l.rest[n:]
	return one
}

// delimited reads a text in which a doubled delimiter stands for a single one.
func (l *lexer) delimited(k kind, delimiter string, from int) (node, error) {
	var b strings.Builder
	rest := l.rest[from:]
	for {
		i := strings.Index(rest, delimiter)
		if i < 0 {
			return node{}, &Fault{codeSyntax, "syntax error: a quote is not closed"}
		}
		b.WriteString(rest[:i])
		rest = rest[i+1:]
		if !strings.HasPrefix(rest, delimiter) {
			l.rest = rest
			return node{kind: k, text: b.String()}, nil
		}
		b.WriteString(delimiter)
		rest = rest[1:]
	}
}

// escapes are the escapes of strings E'...' that are replaced first; a doubled backslash is
// replaced later.
var escapes = strings.NewReplacer(`\\`, `\\`, `\n`, "\n", `\t`, "\t", `\r`, "\r")

func digits(s string) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func numberLength(s string) int {
	n := digits(s)
	if n < len(s) && s[n] == '.' {
		n += 1 + digits(s[n+1:])
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		sign := n + 1
		if sign < len(s) && (s[sign] == '+' || s[sign] == '-') {
			sign++
		}
		if d := digits(s[min(sign, len(s)):]); d > 0 {
			n = sign + d
		}
	}
	return n
}

// identifier returns the length of the name at the beginning of s.
func identifier(s string) (n int) {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || r != '$' && !unicode.IsDigit(r)) {
			return i
		}
	}
	return len(s)
}
