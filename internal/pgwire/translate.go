package pgwire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Types of expressions; "" if the type is not known.
const (
	typeText     = "text"
	typeInt      = "integer"
	typeReal     = "real"
	typeTime     = "time"
	typeDate     = "date"
	typeBool     = "boolean"
	typeSeconds  = "seconds" // a difference of times, which only extract(epoch from ...) accepts
	typeInterval = "interval"
)

// piece is a part of a translated statement: an operand such as a call or a name, or a keyword or
// operator.
type piece struct {
	sql     string
	operand bool
	typ     string
	// key is a keyword or an operator in lower case; plain is a literal's text, and parameter is a
	// parameter's number.
	key       string
	plain     *string
	parameter int
	interval  interval
	name      string // the last part of a name
}

// translator translates one statement.
type translator struct {
	// columns are the types of columns by name.
	columns map[string]string
	// parameters are the types of $1 and so on; patterns are the parameters that are patterns of LIKE.
	parameters []string
	patterns   map[int]bool
	catalog    bool
	hint       string // the type of the operand that a list is compared with
	selects    int
}

// translated is a statement for SQLite.
type translated struct {
	sql string
	// types are the types of the columns, as far as they are known; nil if the number of columns is
	// not known.
	types      []string
	parameters []string
	patterns   map[int]bool
	catalog    bool
}

func words(list string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(list) {
		all[w] = true
	}
	return all
}

var (
	// known are keywords that have the same meaning in SQLite.
	known = words(`select distinct all from where group by having order limit offset as on using join inner left right full outer cross natural
		and or not in is exists between like ilike escape union intersect except with recursive values asc desc nulls first last
		over partition rows range preceding following unbounded current row filter collate materialized window`)
	// refused are keywords of unsupported features.
	refused = words(`lateral tablesample similar fetch for grouping rollup cube array any some ordinality isnull notnull overlaps returning into groups exclude only symmetric xmlparse treat`)
	// writes are the first keywords of statements that change something.
	writes = words(`insert update delete merge create alter drop truncate grant revoke comment vacuum analyze reindex cluster lock copy call do refresh import security`)
)

// maxParameter is the highest parameter number.
const maxParameter = 100

// translate converts a PostgreSQL statement to SQLite. columns are the types of the views' columns.
func translate(nodes []node, columns map[string]string, given []string) (*translated, error) {
	first := nodes[0]
	switch {
	case first.kind == word && writes[first.text]:
		return nil, &Fault{codeReadOnly, "cannot execute " + strings.ToUpper(first.text) + " in a read-only transaction"}
	case first.is("explain", "declare", "fetch", "listen", "notify", "execute", "prepare", "table"):
		return nil, unsupported("%s", strings.ToUpper(first.text))
	case !first.is("select", "with", "values") && first.kind != group:
		return nil, &Fault{codeSyntax, fmt.Sprintf("syntax error at or near %q", first.text)}
	}
	t := &translator{columns: make(map[string]string, len(columns)), parameters: slices.Clone(given), patterns: map[int]bool{}, catalog: ofCatalog(nodes)}
	for name, typ := range columns {
		t.columns[name] = typ
	}
	pieces, err := t.sequence(nodes)
	if err != nil {
		return nil, err
	}
	types := t.selected(pieces)
	if slices.Contains(types, typeSeconds) {
		return nil, unsupported("a difference of times outside of extract(epoch from ...)")
	}
	return &translated{sql: join(pieces), types: types, parameters: t.parameters, patterns: t.patterns, catalog: t.catalog}, nil
}

func join(pieces []piece) string {
	parts := make([]string, len(pieces))
	for i, p := range pieces {
		parts[i] = p.sql
	}
	return strings.Join(parts, " ")
}

// sequence translates nodes at one depth.
func (t *translator) sequence(nodes []node) ([]piece, error) {
	var out []piece
	for i := 0; i < len(nodes); {
		taken, err := t.one(nodes, i, &out)
		if err != nil {
			return nil, err
		}
		i += taken
	}
	return t.fold(out)
}

// expression translates an expression with one value, and returns its type.
func (t *translator) expression(nodes []node) (sql, typ string, err error) {
	pieces, err := t.sequence(nodes)
	if err != nil {
		return "", "", err
	}
	return join(pieces), t.typeOf(pieces), nil
}

// one translates the construct that begins at a node, and returns how many nodes it consumed.
func (t *translator) one(nodes []node, i int, out *[]piece) (int, error) {
	n := nodes[i]
	put := func(p piece) { *out = append(*out, p) }
	switch n.kind {
	case text:
		put(piece{sql: literal(n.text), operand: true, typ: typeText, plain: &n.text})
	case number:
		typ := typeInt
		if strings.ContainsAny(n.text, ".eE") {
			typ = typeReal
		}
		put(piece{sql: n.text, operand: true, typ: typ})
	case parameter:
		number, err := strconv.Atoi(n.text)
		if err != nil || number < 1 || number > maxParameter {
			return 0, &Fault{"42P02", "there is no parameter $" + n.text}
		}
		for len(t.parameters) < number {
			t.parameters = append(t.parameters, "")
		}
		if t.parameters[number-1] == "" {
			t.parameters[number-1] = t.hint
		}
		put(piece{sql: fmt.Sprintf(":p%d", number), operand: true, typ: t.parameters[number-1], parameter: number})
	case group:
		hint := t.hint
		t.hint = t.comparedWith(*out)
		pieces, err := t.sequence(n.in)
		t.hint = hint
		if err != nil {
			return 0, err
		}
		typ := t.typeOf(pieces)
		if types := t.selected(pieces); len(types) > 0 {
			typ = types[0]
		}
		put(piece{sql: "(" + join(pieces) + ")", operand: true, typ: typ})
	case operator:
		return t.operator(nodes, i, out)
	case quoted, word:
		return t.word(nodes, i, out)
	}
	return 1, nil
}

// comparedWith returns the type of the operand that a list after IN is compared with.
func (t *translator) comparedWith(out []piece) string {
	n := len(out)
	if n == 0 || out[n-1].key != "in" {
		return ""
	}
	for _, p := range slices.Backward(out[:n-1]) {
		if p.operand {
			return p.typ
		}
	}
	return ""
}

func (t *translator) operator(nodes []node, i int, out *[]piece) (int, error) {
	n, last := nodes[i], len(*out)-1
	switch n.text {
	case "::":
		if last < 0 || !(*out)[last].operand {
			return 0, &Fault{codeSyntax, `syntax error at or near "::"`}
		}
		typ, taken, err := typeName(nodes[i+1:])
		if err != nil {
			return 0, err
		}
		(*out)[last], err = t.cast((*out)[last], typ)
		return 1 + taken, err
	case "~", "~*", "!~", "!~*":
		if !t.catalog {
			return 0, unsupported("the operator %s", n.text)
		}
		(*out) = append(*out, piece{sql: map[bool]string{true: "NOT REGEXP", false: "REGEXP"}[n.text[0] == '!'], key: n.text})
		return 1, nil
	case "[", "]", "^", "&", "|", "#", "#>", "#>>", "@>", "<@", "&&", "?", "@", "!", ":", ":=":
		return 0, unsupported("the operator %s", n.text)
	}
	*out = append(*out, piece{sql: n.text, key: n.text})
	return 1, nil
}

func (t *translator) word(nodes []node, i int, out *[]piece) (int, error) {
	n := nodes[i]
	next := func(k int) node {
		if i+k < len(nodes) {
			return nodes[i+k]
		}
		return node{kind: operator}
	}
	if n.kind == word {
		switch {
		case n.is("case"):
			return t.choice(nodes, i, out)
		case n.is("interval") && next(1).kind == text:
			iv, err := parseInterval(next(1).text)
			*out = append(*out, piece{operand: true, typ: typeInterval, interval: iv, plain: &nodes[i+1].text})
			return 2, err
		case n.is("date", "timestamp", "timestamptz") && next(1).kind == text:
			p, err := t.cast(piece{sql: literal(next(1).text), operand: true, typ: typeText, plain: &nodes[i+1].text}, n.text)
			*out = append(*out, p)
			return 2, err
		case n.is("at") && next(1).is("time") && next(2).is("zone"):
			if z := next(3); z.kind != text || !slices.Contains([]string{"utc", "etc/utc", "gmt", "z"}, strings.ToLower(z.text)) {
				return 0, unsupported("AT TIME ZONE with another zone than 'UTC'")
			}
			return 4, nil
		case n.is("within") && next(1).is("group"):
			return 0, unsupported("WITHIN GROUP")
		case n.is("distinct") && next(1).is("on") && next(2).kind == group:
			return 0, unsupported("DISTINCT ON")
		case n.is("operator") && next(1).kind == group && t.catalog:
			in := next(1).in
			return 2, second(t.operator(in, len(in)-1, out))
		case n.is("array") && t.catalog && next(1).kind == group:
			*out = append(*out, piece{sql: "NULL", operand: true})
			return 2, nil
		case n.is("collate"):
			skip := 2
			for next(skip).is(".") {
				skip += 2
			}
			return skip, nil // names are compared bytewise
		case n.is("over", "filter") && next(1).kind == group && len(*out) > 0:
			inside, err := t.sequence(next(1).in)
			(*out)[len(*out)-1].sql += " " + strings.ToUpper(n.text) + " (" + join(inside) + ")"
			return 2, err
		case n.is("like", "ilike"):
			*out = append(*out, piece{sql: map[string]string{"like": "GLOB", "ilike": "LIKE"}[n.text], key: n.text})
			return 1, nil
		case n.is("limit") && next(1).is("all"):
			return 2, nil
		case n.is("null", "true", "false"):
			*out = append(*out, piece{sql: strings.ToUpper(n.text), operand: true, typ: map[bool]string{true: typeBool}[n.text != "null"]})
			return 1, nil
		case known[n.text] && !(next(1).kind == group && n.is("left", "right")):
			if n.is("select") {
				t.selects++
			}
			*out = append(*out, piece{sql: strings.ToUpper(n.text), key: n.text})
			return 1, nil
		case refused[n.text] && !(n.is("for", "only", "any", "some", "groups") && next(1).is(",", ".")):
			return 0, unsupported("%s", strings.ToUpper(n.text))
		}
	}
	return t.named(nodes, i, out)
}

func second(_ int, err error) error { return err }

// named translates a column, a table or a call.
func (t *translator) named(nodes []node, i int, out *[]piece) (int, error) {
	path, end := []node{nodes[i]}, i+1
	for end+1 < len(nodes) && nodes[end].is(".") && (nodes[end+1].name() || nodes[end+1].is("*")) {
		path, end = append(path, nodes[end+1]), end+2
	}
	if len(path) > 1 && path[0].is("pg_catalog", "public", "information_schema") {
		if path[0].is("information_schema") {
			path[1].text = "information_schema_" + path[1].text
		}
		path = path[1:]
	}
	if len(path) == 1 && path[0].kind == word {
		if end < len(nodes) && nodes[end].kind == group && !t.aliased(*out) {
			taken, err := t.call(path[0].text, nodes, end, out)
			return end - i + taken, err
		}
		if p, ok := t.niladic(path[0].text); ok && !t.aliased(*out) {
			*out = append(*out, p)
			return end - i, nil
		}
	}
	parts := make([]string, len(path))
	for k, p := range path {
		parts[k] = p.text
		if p.kind == quoted || !p.is("*") && !plainName(p.text) {
			parts[k] = `"` + strings.ReplaceAll(p.text, `"`, `""`) + `"`
		}
	}
	last := path[len(path)-1].text
	*out = append(*out, piece{sql: strings.Join(parts, "."), operand: true, typ: t.columns[last], name: last})
	return end - i, nil
}

// aliased reports whether a name that follows is an alias.
func (t *translator) aliased(out []piece) bool { return len(out) > 0 && out[len(out)-1].key == "as" }

// plainName reports whether SQLite accepts a name without quotes.
func plainName(s string) bool {
	for _, r := range s {
		if r >= 0x80 || r == '$' {
			return false
		}
	}
	return !reserved[s]
}

// reserved are words that are valid names in PostgreSQL but not in SQLite.
var reserved = words(`index table check default primary foreign references unique constraint commit transaction add set to if isnull notnull nothing when then else`)

// choice translates CASE ... END.
func (t *translator) choice(nodes []node, i int, out *[]piece) (int, error) {
	depth := 0
	for end := i; end < len(nodes); end++ {
		switch {
		case nodes[end].is("case"):
			depth++
		case nodes[end].is("end"):
			if depth--; depth > 0 {
				continue
			}
			sql, typ, from := "CASE", "", i+1
			for k := i + 1; k <= end; k++ {
				if nested := nodes[k].is("case"); nested {
					depth++
				} else if nodes[k].is("end") && depth > 0 {
					depth--
				} else if depth == 0 && nodes[k].is("when", "then", "else", "end") {
					part, of, err := t.expression(nodes[from:k])
					if err != nil {
						return 0, err
					}
					if from > i+1 && nodes[from-1].is("then", "else") && (typ == "" || of == typeReal) {
						typ = of
					}
					sql += " " + part + " " + strings.ToUpper(nodes[k].text)
					from = k + 1
				}
			}
			*out = append(*out, piece{sql: sql, operand: true, typ: typ})
			return end - i + 1, nil
		}
	}
	return 0, &Fault{codeSyntax, "syntax error: CASE without END"}
}
