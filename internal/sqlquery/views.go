package sqlquery

import (
	"maps"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/readmodel"
)

// literal returns a string as an SQL literal.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func literals(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = literal(s)
	}
	return "(" + strings.Join(quoted, ", ") + ")"
}

// A condition always names a column: for a table without any read column, SQLite does not pass the
// name of the enclosing common table expression to the authorizer.
const (
	everything = "namespace IS NOT NULL"
	nothing    = "namespace IS NULL"
)

// Condition returns the permitted rows as an expression on namespace and name.
func (r Rows) Condition() string {
	allowed := everything
	if !r.All {
		some := []string{nothing}
		if len(r.Namespaces) > 0 {
			some = append(some, "namespace IN "+literals(r.Namespaces))
		}
		for _, namespace := range slices.Sorted(maps.Keys(r.Names)) {
			some = append(some, "(namespace = "+literal(namespace)+" AND name IN "+literals(r.Names[namespace])+")")
		}
		if len(r.Everywhere) > 0 {
			some = append(some, "name IN "+literals(r.Everywhere))
		}
		allowed = "(" + strings.Join(some, " OR ") + ")"
	}
	if r.Within != nil {
		allowed += " AND namespace = " + literal(*r.Within)
	}
	return allowed
}

// clusterNamespace is the namespace in which the history of cluster-scoped objects is shown.
const clusterNamespace = "default"

// History returns a condition on the namespace of an object: the namespaces whose history may be
// listed. Rights on single names do not count, because there they are names of versions.
func (r Rows) History(column string) string {
	if r.All {
		return column + " IS NOT NULL"
	}
	if len(r.Namespaces) == 0 {
		return column + " IS NULL"
	}
	return "(CASE " + column + " WHEN '' THEN " + literal(clusterNamespace) + " ELSE " + column + " END) IN " + literals(r.Namespaces)
}

// Views returns the names of the views that can be read, with their columns.
func Views() map[string][]readmodel.Column {
	all := readmodel.SideColumns()
	for _, k := range readmodel.Kinds() {
		all[k.Resource] = k.Columns
	}
	return all
}

// create returns the statements that create the views of a request.
func create(schema, secret string, rows map[string]Rows) []string {
	var statements []string
	var ofKinds []string
	view := func(name string, columns []readmodel.Column, table, condition string) {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.Name
		}
		list := strings.Join(names, ", ")
		statements = append(statements, "CREATE TEMP VIEW "+name+" AS WITH "+secret+" AS (SELECT "+list+" FROM "+schema+"."+table+
			" WHERE "+condition+") SELECT "+list+" FROM "+secret)
	}
	for _, k := range readmodel.Kinds() {
		condition := nothing
		if r, ok := rows[k.Resource]; ok {
			condition = r.Condition()
			ofKinds = append(ofKinds, "(kind = "+literal(k.Name)+" AND "+condition+")")
		}
		view(k.Resource, k.Columns, k.Table(), condition)
	}
	condition := nothing
	if len(ofKinds) > 0 {
		condition = strings.Join(ofKinds, " OR ")
	}
	for name, columns := range readmodel.SideColumns() {
		if name == readmodel.Revisions {
			view(name, columns, "c_"+name, "("+condition+") AND "+rows[name].History("namespace"))
			continue
		}
		view(name, columns, "c_"+name, condition)
	}
	return statements
}
