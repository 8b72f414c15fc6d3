package pgwire

import (
	"slices"
	"strings"
)

var comparisons = []string{"=", "<", ">", "<=", ">=", "<>", "!=", "between", "and"}

// calculates are operators that do not accept a difference of times.
var calculates = words("+ - * / % || = < > <= >= <> != between and or in like ilike")

// fold combines operands across operators: times with intervals, strings with patterns, and
// literals and parameters with the operands that they are compared with.
func (t *translator) fold(in []piece) ([]piece, error) {
	var out []piece
	for i := 0; i < len(in); i++ {
		p, last := in[i], len(out)-1
		if (p.key == "+" || p.key == "-") && i+1 < len(in) && last >= 0 && out[last].operand {
			merged, ok := arithmetic(out[last], p.key, in[i+1])
			if ok {
				out[last] = merged
				i++
				continue
			}
		}
		if p.interval != nil {
			return nil, unsupported("an interval that is not added to a time or subtracted from one")
		}
		if p.operand && last >= 0 && (out[last].key == "like" || out[last].key == "ilike") {
			pattern, err := t.pattern(p, out[last].key)
			if err != nil {
				return nil, err
			}
			p = pattern
		}
		out = append(out, p)
	}
	for i, p := range out {
		if p.typ == typeSeconds && (i > 0 && calculates[out[i-1].key] || i+1 < len(out) && calculates[out[i+1].key]) {
			return nil, unsupported("a difference of times outside of extract(epoch from ...)")
		}
	}
	t.compare(out)
	return out, nil
}

// arithmetic translates the sum or difference of a time and an interval, of two times, or of a date
// and days.
func arithmetic(left piece, sign string, right piece) (piece, bool) {
	factor := map[string]float64{"+": 1, "-": -1}[sign]
	switch {
	case right.interval != nil && left.interval == nil:
		return piece{sql: at(left.sql, right.interval.modifiers(factor)...), operand: true, typ: typeTime}, true
	case left.interval != nil && right.interval == nil && sign == "+":
		return piece{sql: at(right.sql, left.interval.modifiers(1)...), operand: true, typ: typeTime}, true
	case left.typ == typeDate && right.typ == typeInt:
		return piece{sql: "date(" + left.sql + ", (" + right.sql + ") || ' days')", operand: true, typ: typeDate}, sign == "+"
	case sign == "-" && (left.typ == typeTime || left.typ == typeDate) && (right.typ == typeTime || right.typ == typeDate):
		return piece{sql: "(unixepoch(" + left.sql + ") - unixepoch(" + right.sql + "))", operand: true, typ: typeSeconds}, true
	}
	return piece{}, false
}

// pattern translates the pattern of LIKE, which is case-sensitive as GLOB is, or of ILIKE.
func (t *translator) pattern(p piece, like string) (piece, error) {
	switch {
	case like == "ilike":
		if p.plain == nil || strings.Contains(*p.plain, `\`) {
			p.sql += ` ESCAPE '\'`
		}
	case p.plain != nil:
		p.sql = literal(glob(*p.plain))
	case p.parameter > 0:
		t.patterns[p.parameter] = true
		p.sql = ":g" + p.sql[2:]
	default:
		return p, unsupported("LIKE with a pattern that is neither a literal nor a parameter")
	}
	if p.parameter > 0 && t.parameters[p.parameter-1] == "" {
		t.parameters[p.parameter-1] = typeText
	}
	return p, nil
}

// glob converts a LIKE pattern to a GLOB pattern.
func glob(pattern string) string {
	var b strings.Builder
	escaped := false
	for _, r := range pattern {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && r == '%':
			b.WriteByte('*')
		case !escaped && r == '_':
			b.WriteByte('?')
		case strings.ContainsRune("*?[", r):
			b.WriteString("[" + string(r) + "]")
		default:
			b.WriteRune(r)
		}
		escaped = false
	}
	return b.String()
}

// compare gives literals and parameters the types of the operands that they are compared with.
func (t *translator) compare(pieces []piece) {
	subject := t.hint // the type of the last operand that is neither
	for i := range pieces {
		p := &pieces[i]
		if !p.operand {
			if p.key == "limit" || p.key == "offset" {
				subject = typeInt
			}
			continue
		}
		of := subject
		listed := t.hint != "" && (i == 0 || pieces[i-1].key == ",")
		compared := i > 0 && slices.Contains(comparisons, pieces[i-1].key)
		limited := i > 0 && (pieces[i-1].key == "limit" || pieces[i-1].key == "offset")
		if !compared && !listed && !limited && i+2 < len(pieces) && slices.Contains(comparisons[:7], pieces[i+1].key) {
			of, compared = pieces[i+2].typ, true
		}
		if compared || listed || limited {
			t.as(p, of)
		}
		if p.plain == nil && p.parameter == 0 {
			subject = p.typ
		}
	}
}

// as converts an operand so that it can be compared with a type.
func (t *translator) as(p *piece, typ string) {
	switch {
	case p.parameter > 0:
		if t.parameters[p.parameter-1] == "" && p.sql[1] == 'p' {
			t.parameters[p.parameter-1], p.typ = typ, typ
		}
	case p.plain != nil && (typ == typeTime || typ == typeDate) && p.typ == typeText:
		if value, ok := timeOf(*p.plain); ok {
			if typ == typeDate {
				value = value[:10]
			}
			p.sql, p.typ = literal(value), typ
		}
	case typ == typeTime && p.typ == typeDate:
		p.sql, p.typ = at(p.sql), typeTime
	}
}

// typeOf returns the type of an expression.
func (t *translator) typeOf(pieces []piece) string {
	typ, operands := "", 0
	for _, p := range pieces {
		switch {
		case !p.operand && slices.Contains([]string{"and", "or", "not", "is", "in", "like", "ilike", "between", "=", "<", ">", "<=", ">=", "<>", "!=", "exists"}, p.key):
			return typeBool
		case !p.operand && (p.key == "||" || p.key == "->>"):
			return typeText
		case !p.operand && !slices.Contains([]string{"+", "-", "*", "/", "%", "distinct"}, p.key):
			return ""
		case !p.operand:
		case operands == 0:
			typ, operands = p.typ, 1
		default:
			operands++
			switch {
			case typ == "" || p.typ == "":
				typ = ""
			case typ == typeReal || p.typ == typeReal:
				typ = typeReal
			case typ != p.typ:
				typ = ""
			}
		}
	}
	return typ
}

// selected returns the types of the columns of a SELECT, nil if their number is not known.
func (t *translator) selected(pieces []piece) []string {
	from := slices.IndexFunc(pieces, func(p piece) bool { return p.key == "select" })
	if from < 0 {
		return nil
	}
	var types []string
	item := []piece{}
	end := func() bool {
		if n := len(item); n > 0 {
			name := ""
			switch {
			case n > 2 && item[n-2].key == "as":
				name, item = item[n-1].name, item[:n-2]
			case n > 1 && item[n-2].operand && item[n-1].operand:
				name, item = item[n-1].name, item[:n-1]
			}
			if item[len(item)-1].name == "*" || len(item) == 1 && item[0].key == "*" {
				return false
			}
			typ := t.typeOf(item)
			types = append(types, typ)
			if _, taken := t.columns[name]; name != "" && !taken && typ != "" {
				t.columns[name] = typ
			}
		}
		item = []piece{}
		return true
	}
	for _, p := range pieces[from+1:] {
		switch {
		case slices.Contains([]string{"from", "where", "group", "having", "order", "limit", "offset", "union", "intersect", "except"}, p.key):
			if !end() {
				return nil
			}
			return types
		case p.key == ",":
			if !end() {
				return nil
			}
		case p.key == "distinct" && len(item) == 0, p.key == "all" && len(item) == 0:
		default:
			item = append(item, p)
		}
	}
	if !end() {
		return nil
	}
	return types
}
