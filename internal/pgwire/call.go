package pgwire

import (
	"slices"
	"strconv"
	"strings"
)

// same are functions that SQLite has under the same name, with their result type; "1" stands for
// the type of the first argument.
var same = map[string]string{
	"count": typeInt, "sum": "1", "avg": typeReal, "min": "1", "max": "1", "coalesce": "1", "nullif": "1", "abs": "1", "round": "", "ceil": "", "ceiling": "", "floor": "", "trunc": "",
	"lower": typeText, "upper": typeText, "length": typeInt, "replace": typeText, "ltrim": typeText, "rtrim": typeText, "btrim": typeText, "substr": typeText,
	"concat": typeText, "concat_ws": typeText, "sqrt": typeReal, "exp": typeReal, "ln": typeReal, "power": typeReal, "sign": "", "mod": "1", "pi": typeReal,
	"row_number": typeInt, "rank": typeInt, "dense_rank": typeInt, "ntile": typeInt, "percent_rank": typeReal, "cume_dist": typeReal,
	"lag": "1", "lead": "1", "first_value": "1", "last_value": "1", "nth_value": "1", "string_agg": typeText, "octet_length": typeInt,
}

// renamed are functions that have a different name in SQLite.
var renamed = map[string]string{"btrim": "trim", "pow": "power", "char_length": "length", "character_length": "length", "json_agg": "json_group_array", "jsonb_agg": "json_group_array", "json_array_elements_text": "json_each", "jsonb_array_elements_text": "json_each", "json_array_length": "json_array_length", "jsonb_array_length": "json_array_length"}

func translatedFunctions() map[string]string {
	all := map[string]string{}
	for name, typ := range same {
		all[name] = typ
	}
	for name := range renamed {
		if _, ok := all[name]; !ok {
			all[name] = typeInt
		}
	}
	all["pow"], all["json_agg"], all["jsonb_agg"] = typeReal, typeText, typeText
	all["json_array_elements_text"], all["jsonb_array_elements_text"] = typeText, typeText
	return all
}

var functions = translatedFunctions()

// niladic translates functions that are called without parentheses.
func (t *translator) niladic(name string) (piece, bool) {
	switch name {
	case "current_timestamp", "localtimestamp":
		return piece{sql: at("'now'"), operand: true, typ: typeTime}, true
	case "current_date":
		return piece{sql: "date('now')", operand: true, typ: typeDate}, true
	case "current_user", "session_user", "user", "current_role", "current_catalog", "current_schema":
		if t.catalog {
			return piece{sql: constants[name], operand: true, typ: typeText}, true
		}
	}
	return piece{}, false
}

// split splits the arguments of a call.
func split(nodes []node) [][]node {
	if len(nodes) == 0 {
		return nil
	}
	all, from := [][]node{}, 0
	for i, n := range nodes {
		if n.is(",") {
			all, from = append(all, nodes[from:i]), i+1
		}
	}
	return append(all, nodes[from:])
}

// call translates a call with the arguments nodes[i], and returns how many nodes it consumed.
func (t *translator) call(name string, nodes []node, i int, out *[]piece) (int, error) {
	in := nodes[i].in
	arguments := split(in)
	put := func(sql, typ string) (int, error) {
		*out = append(*out, piece{sql: sql, operand: true, typ: typ})
		return 1, nil
	}
	text0 := func() string {
		if len(arguments) > 0 && len(arguments[0]) == 1 && arguments[0][0].kind == text {
			return arguments[0][0].text
		}
		return ""
	}
	argument := func(k int) (string, error) {
		if k >= len(arguments) || len(arguments[k]) == 0 {
			return "", &Fault{"42883", "function " + name + " has too few arguments"}
		}
		sql, _, err := t.expression(arguments[k])
		return sql, err
	}
	switch name {
	case "now", "transaction_timestamp", "statement_timestamp", "clock_timestamp":
		return put(at("'now'"), typeTime)
	case "date_trunc":
		x, err := argument(1)
		if err != nil {
			return 0, err
		}
		sql, err := truncated(text0(), x)
		if err != nil {
			return 0, err
		}
		return put(sql, typeTime)
	case "extract", "date_part":
		field, rest := text0(), []node(nil)
		if name == "date_part" && len(arguments) == 2 {
			rest = arguments[1]
		} else if len(in) > 2 && in[1].is("from") {
			field, rest = in[0].text, in[2:]
		} else {
			return 0, &Fault{codeSyntax, "syntax error: use extract(field from value)"}
		}
		x, typ, err := t.expression(rest)
		if err != nil {
			return 0, err
		}
		if typ == typeSeconds && strings.EqualFold(field, "epoch") {
			return put("("+x+")", "")
		}
		sql, err := extracted(field, x)
		if err != nil {
			return 0, err
		}
		return put(sql, typeInt)
	case "to_char":
		x, typ, err := t.expression(slices.Concat(arguments[:min(1, len(arguments))]...))
		if err != nil {
			return 0, err
		}
		if len(arguments) != 2 || len(arguments[1]) != 1 || arguments[1][0].kind != text || typ == typeInt || typ == typeReal {
			return 0, unsupported("to_char of a number, or with a format that is no literal")
		}
		f, err := format(arguments[1][0].text)
		if err != nil {
			return 0, err
		}
		return put("strftime("+f+", "+x+")", typeText)
	case "to_timestamp":
		x, err := argument(0)
		if err != nil || len(arguments) != 1 {
			return 0, unsupported("to_timestamp with a format")
		}
		return put(at(x, "'unixepoch'"), typeTime)
	case "date":
		x, err := argument(0)
		if err != nil {
			return 0, err
		}
		return put("date("+x+")", typeDate)
	case "left":
		x, err := argument(0)
		if err != nil {
			return 0, err
		}
		n, err := argument(1)
		if err != nil {
			return 0, err
		}
		return put("substr("+x+", 1, "+n+")", typeText)
	case "cast":
		for k, n := range in {
			if n.is("as") {
				sql, typ, err := t.expression(in[:k])
				if err != nil {
					return 0, err
				}
				to, _, err := typeName(in[k+1:])
				if err != nil {
					return 0, err
				}
				p := piece{sql: "(" + sql + ")", operand: true, typ: typ}
				if k == 1 && in[0].kind == text {
					p.plain = &in[0].text
				}
				p, err = t.cast(p, to)
				*out = append(*out, p)
				return 1, err
			}
		}
	case "percentile_cont":
		return t.percentile(nodes, i, out)
	case "generate_series":
		return t.series(arguments, nodes, i, out)
	case "substring", "trim":
		if slices.ContainsFunc(in, func(n node) bool { return n.is("from", "for", "both", "leading", "trailing", "similar") }) {
			return 0, unsupported("%s with FROM or FOR", name)
		}
		functions := map[string]string{"substring": "substr", "trim": "trim"}
		args, _, err := t.arguments(in)
		if err != nil {
			return 0, err
		}
		return put(functions[name]+"("+args+")", typeText)
	}
	if t.catalog {
		if sql, ok, err := t.catalogCall(name, arguments); err != nil || ok {
			if err != nil {
				return 0, err
			}
			return put(sql, "")
		}
	}
	typ, ok := functions[name]
	if !ok {
		if last := len(*out) - 1; last >= 0 && (*out)[last].operand || last >= 0 && (*out)[last].key == "," && t.selects == 0 || t.isTable(*out) {
			// This is a name with a list of columns, such as that of a common table expression.
			list, err := t.sequence(in)
			*out = append(*out, piece{sql: name + "(" + join(list) + ")", operand: true})
			return 1, err
		}
		return 0, unsupported("the function %s()", name)
	}
	args, first, err := t.arguments(in)
	if err != nil {
		return 0, err
	}
	if typ == "1" {
		typ = first
	}
	if to, ok := renamed[name]; ok {
		name = to
	}
	if first == typeSeconds && !slices.Contains([]string{"avg", "sum", "min", "max", "coalesce"}, name) {
		return 0, unsupported("a difference of times outside of extract(epoch from ...)")
	}
	if first == typeSeconds {
		typ = typeSeconds
	}
	return put(name+"("+args+")", typ)
}

// isTable reports whether a name is the name of a common table expression.
func (t *translator) isTable(out []piece) bool {
	return len(out) > 0 && (out[len(out)-1].key == "with" || out[len(out)-1].key == "recursive")
}

// arguments translates the arguments of a call, and returns the type of the first one.
func (t *translator) arguments(in []node) (sql, first string, err error) {
	pieces, err := t.sequence(in)
	if err != nil {
		return "", "", err
	}
	end := slices.IndexFunc(pieces, func(p piece) bool { return p.key == "," || p.key == "order" })
	if end < 0 {
		end = len(pieces)
	}
	return join(pieces), t.typeOf(pieces[:end]), nil
}

// percentile translates percentile_cont(0.95) WITHIN GROUP (ORDER BY x).
func (t *translator) percentile(nodes []node, i int, out *[]piece) (int, error) {
	if i+3 >= len(nodes) || !nodes[i+1].is("within") || !nodes[i+2].is("group") || nodes[i+3].kind != group {
		return 0, &Fault{codeSyntax, "syntax error: use percentile_cont(0.95) WITHIN GROUP (ORDER BY value)"}
	}
	order := nodes[i+3].in
	if len(nodes[i].in) != 1 || nodes[i].in[0].kind != number || len(order) < 3 || !order[0].is("order") || !order[1].is("by") {
		return 0, unsupported("percentile_cont with another fraction than a number")
	}
	fraction := nodes[i].in[0].text
	order = order[2:]
	switch last := order[len(order)-1]; {
	case last.is("desc"):
		f, err := strconv.ParseFloat(fraction, 64)
		if err != nil {
			return 0, &Fault{codeSyntax, "the fraction is no number"}
		}
		fraction, order = strconv.FormatFloat(1-f, 'g', -1, 64), order[:len(order)-1]
	case last.is("asc"):
		order = order[:len(order)-1]
	}
	x, typ, err := t.expression(order)
	if err != nil {
		return 0, err
	}
	if typ == typeTime || typ == typeDate || typ == typeSeconds {
		return 0, unsupported("percentile_cont of times")
	}
	*out = append(*out, piece{sql: "percentile_cont(" + x + ", " + fraction + ")", operand: true, typ: typeReal})
	return 4, nil
}

// series translates generate_series in FROM, over times or numbers.
func (t *translator) series(arguments [][]node, nodes []node, i int, out *[]piece) (int, error) {
	if n := len(*out); n == 0 || !slices.Contains([]string{"from", "join", ","}, (*out)[n-1].key) {
		return 0, unsupported("generate_series outside of FROM")
	}
	if len(arguments) < 2 || len(arguments) > 3 {
		return 0, unsupported("generate_series with %d arguments", len(arguments))
	}
	from, typ, err := t.expression(arguments[0])
	if err != nil {
		return 0, err
	}
	to, other, err := t.expression(arguments[1])
	if err != nil {
		return 0, err
	}
	next := "value + 1"
	if len(arguments) == 3 {
		step, err := t.sequenceOfStep(arguments[2])
		if err != nil {
			return 0, err
		}
		next = step
	}
	switch times := typ == typeTime || typ == typeDate || other == typeTime || other == typeDate; {
	case times && !strings.HasPrefix(next, "strftime"), !times && strings.HasPrefix(next, "strftime"):
		return 0, unsupported("generate_series of times without an interval")
	case times:
		from, to, typ = at(from), at(to), typeTime
	default:
		typ = typeInt
	}
	alias, column, taken := "generate_series", "", 1
	if i+taken < len(nodes) && nodes[i+taken].is("as") {
		taken++
	}
	if i+taken < len(nodes) && nodes[i+taken].name() && !known[nodes[i+taken].text] {
		alias = nodes[i+taken].text
		taken++
		if i+taken < len(nodes) && nodes[i+taken].kind == group && len(nodes[i+taken].in) == 1 {
			column = nodes[i+taken].in[0].text
			taken++
		}
	}
	if column == "" {
		column = alias
	}
	quote := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	t.columns[column] = typ
	*out = append(*out, piece{operand: true, sql: "(WITH RECURSIVE series(value) AS (SELECT " + from + " WHERE " + from + " <= " + to +
		" UNION ALL SELECT " + next + " FROM series WHERE " + next + " <= " + to + ") SELECT value AS " + quote(column) + " FROM series) AS " + quote(alias)})
	return taken, nil
}

// sequenceOfStep returns the expression of the value after a value of a series.
func (t *translator) sequenceOfStep(nodes []node) (string, error) {
	var pieces []piece
	for i := 0; i < len(nodes); {
		taken, err := t.one(nodes, i, &pieces)
		if err != nil {
			return "", err
		}
		i += taken
	}
	if len(pieces) == 1 && pieces[0].plain != nil && pieces[0].interval == nil {
		iv, err := parseInterval(*pieces[0].plain)
		if err != nil {
			return "", err
		}
		pieces[0].interval = iv
	}
	switch {
	case len(pieces) == 1 && pieces[0].interval != nil:
		return at("value", pieces[0].interval.modifiers(1)...), nil
	case len(pieces) == 1 && pieces[0].typ == typeInt:
		return "value + " + pieces[0].sql, nil
	}
	return "", unsupported("generate_series with such a step")
}
