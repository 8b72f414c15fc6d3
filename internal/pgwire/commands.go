package pgwire

import (
	"slices"
	"strings"
)

// command answers a statement about the session; it returns nil for any other. Settings of clients
// have no effect: times are in UTC, and nothing is written.
func (c *session) command(nodes []node) *prepared {
	words := make([]string, 0, 4)
	for _, n := range nodes {
		words = append(words, lower(n.text))
	}
	first := nodes[0]
	block := func(in bool) func() { return func() { c.inBlock = in } }
	switch {
	case first.is("begin"), first.is("start") && len(words) > 1 && words[1] == "transaction":
		return &prepared{tag: "BEGIN", command: block(true)}
	case first.is("commit", "end"):
		return &prepared{tag: "COMMIT", command: block(false)}
	case first.is("rollback", "abort"):
		return &prepared{tag: "ROLLBACK", command: block(false)}
	case first.is("savepoint", "release"):
		return &prepared{tag: strings.ToUpper(first.text)}
	case first.is("set"):
		return &prepared{tag: "SET"}
	case first.is("reset"):
		return &prepared{tag: "RESET"}
	case first.is("discard"):
		return &prepared{tag: "DISCARD ALL"}
	case first.is("deallocate"):
		return &prepared{tag: "DEALLOCATE"}
	case first.is("unlisten"):
		return &prepared{tag: "UNLISTEN"}
	case first.is("show") && len(words) > 1:
		name := strings.Join(words[1:], " ")
		if name == "transaction isolation level" {
			name = "transaction_isolation"
		}
		return &prepared{tag: "SHOW", answer: &Answer{Columns: []Column{{Name: name, Type: typeText}}, Rows: [][]any{{settings[name]}}}}
	}
	return nil
}

// recognized replaces the catalog queries of Grafana's editor, which use arrays, by simpler ones
// with the same result.
func recognized(nodes []node) []node {
	if !mentions(nodes, "information_schema") || !mentions(nodes, "search_path") {
		return nodes
	}
	var simple string
	switch {
	case mentions(nodes, "columns"):
		table := lastTable(nodes)
		if table == "" {
			return nodes
		}
		simple = `SELECT column_name AS "column", data_type AS "type" FROM information_schema.columns WHERE table_name = ` + literal(table) + ` ORDER BY ordinal_position`
	case mentions(nodes, "tables"):
		simple = `SELECT table_name AS "table" FROM information_schema.tables ORDER BY table_name`
	default:
		return nodes
	}
	statements, err := lex(simple)
	if err != nil {
		return nodes
	}
	return statements[0]
}

func mentions(nodes []node, what string) bool {
	return slices.ContainsFunc(nodes, func(n node) bool {
		return (n.kind == word || n.kind == text) && n.text == what || n.kind == group && mentions(n.in, what)
	})
}

// lastTable returns the table with which quote_ident(table_name) is compared.
func lastTable(nodes []node) (name string) {
	for i, n := range nodes {
		if n.kind == group {
			if in := lastTable(n.in); in != "" {
				name = in
			}
			if i > 0 && nodes[i-1].is("quote_ident") && mentions(n.in, "table_name") && i+2 < len(nodes) && nodes[i+1].is("=") && nodes[i+2].kind == text {
				name = nodes[i+2].text
			}
		}
	}
	return name
}
