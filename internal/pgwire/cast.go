package pgwire

import (
	"strings"
)

// typeName parses the name of a type, and returns it with the number of nodes.
func typeName(nodes []node) (name string, taken int, err error) {
	i := 0
	for i+1 < len(nodes) && nodes[i].name() && nodes[i+1].is(".") {
		i += 2
	}
	if i >= len(nodes) || !nodes[i].name() {
		return "", 0, &Fault{codeSyntax, `syntax error at or near "::"`}
	}
	name = nodes[i].text
	i++
	next := func(words ...string) bool {
		if i < len(nodes) && nodes[i].is(words...) {
			i++
			return true
		}
		return false
	}
	switch name {
	case "double":
		next("precision")
	case "character", "bit":
		next("varying")
	}
	digits := ""
	if i < len(nodes) && nodes[i].kind == group {
		for _, n := range nodes[i].in {
			digits += n.text
		}
		i++
	}
	if name == "timestamp" || name == "time" {
		zoned := i < len(nodes) && nodes[i].is("with", "without")
		if zoned {
			i += 3 // time zone
		}
	}
	if i < len(nodes) && nodes[i].is("[") {
		return "", 0, unsupported("the type %s[]", name)
	}
	if (name == "numeric" || name == "decimal") && digits != "" {
		name += ":" + digits
	}
	return name, min(i, len(nodes)), nil
}

// cast converts an operand to another type.
func (t *translator) cast(p piece, typ string) (piece, error) {
	name, digits, _ := strings.Cut(typ, ":")
	if p.interval != nil && name != "interval" {
		return p, unsupported("an interval as %s", name)
	}
	out := piece{operand: true, parameter: p.parameter}
	switch name {
	case "text", "varchar", "character", "char", "bpchar", "name", "citext", "uuid", "json", "jsonb", "regtype", "regclass", "regnamespace", "regproc", "regrole":
		out.sql, out.typ = "CAST("+p.sql+" AS TEXT)", typeText
		if name == "regclass" && t.catalog && p.plain != nil {
			out.sql, out.typ = "(SELECT oid FROM pg_class WHERE relname = "+literal(strings.Trim(strings.TrimPrefix(*p.plain, "public."), `"`))+")", typeInt
		}
	case "int", "integer", "int2", "int4", "int8", "bigint", "smallint", "oid":
		out.sql, out.typ = "CAST(round("+p.sql+") AS INTEGER)", typeInt
	case "numeric", "decimal":
		out.sql, out.typ = "CAST("+p.sql+" AS REAL)", typeReal
		if _, scale, ok := strings.Cut(digits, ","); ok {
			out.sql = "round(" + p.sql + ", " + scale + ")"
		} else if digits != "" {
			out.sql = "round(" + p.sql + ")"
		}
	case "real", "float", "float4", "float8", "double":
		out.sql, out.typ = "CAST("+p.sql+" AS REAL)", typeReal
	case "bool", "boolean":
		out.sql, out.typ = "(CASE lower("+p.sql+") WHEN 'true' THEN 1 WHEN 't' THEN 1 WHEN '1' THEN 1 WHEN 'false' THEN 0 WHEN 'f' THEN 0 WHEN '0' THEN 0 END)", typeBool
	case "timestamp", "timestamptz":
		out.sql, out.typ = at(p.sql), typeTime
		if p.plain != nil {
			if value, ok := timeOf(*p.plain); ok {
				out.sql = literal(value)
			} else if strings.EqualFold(strings.TrimSpace(*p.plain), "now") {
				out.sql = at("'now'")
			} else {
				return p, &Fault{"22007", "invalid input syntax for type timestamp: '" + *p.plain + "'"}
			}
		}
	case "date":
		out.sql, out.typ = "date("+p.sql+")", typeDate
		if p.plain != nil {
			value, ok := timeOf(*p.plain)
			if !ok {
				return p, &Fault{"22007", "invalid input syntax for type date: '" + *p.plain + "'"}
			}
			out.sql = literal(value[:10])
		}
	case "interval":
		if p.interval != nil {
			return p, nil
		}
		if p.plain == nil {
			return p, unsupported("an interval that is no literal")
		}
		iv, err := parseInterval(*p.plain)
		return piece{operand: true, typ: typeInterval, interval: iv, plain: p.plain}, err
	default:
		return p, unsupported("the type %s", name)
	}
	if p.parameter > 0 && t.parameters[p.parameter-1] == "" {
		t.parameters[p.parameter-1] = out.typ
	}
	out.parameter = 0
	return out, nil
}
