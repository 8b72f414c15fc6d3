package sqlviews

import (
	"strings"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

// dialect is the SQL dialect of a database. Expressions refer to an object as o, and to its key as
// k.
type dialect interface {
	// value returns the expression of a column of an object.
	value(c readmodel.Column) string
	// text returns the string at a path of a JSON expression, NULL for none.
	text(json string, path ...string) string
	// instant converts an RFC 3339 string to a time.
	instant(text string) string
	// part returns the n-th part of a key, counted from 1.
	part(n int) string
	// objects returns a table of k, o and size: the objects whose keys begin with a prefix.
	objects(prefix string) string
	// fields returns a join that adds to objects a row for each field of the object at a path, and the
	// expressions of the field's name and value.
	fields(path ...string) (join, key, value string)
	// elements returns a join that adds to a table a row for each element of a list given as a JSON
	// expression, and the expressions of the element and its index.
	elements(alias, list string) (join, value, index string)
	// name quotes the name of a column.
	name(column string) string
	// parsed returns the JSON in a string, NULL if it is not JSON.
	parsed(text string) string
	// extract returns the JSON at a path of a JSON expression.
	extract(json string, path ...string) string
	// said returns the text of a message, given as JSON: its content, or the texts of the content's
	// parts.
	said(message string) string
}

func views(d dialect) []database.View {
	var all []database.View
	var labels, conditions []string
	for _, k := range readmodel.Kinds() {
		from := " FROM " + d.objects(readmodel.Prefix+k.Resource+"/")
		columns := make([]string, len(k.Columns))
		for i, c := range k.Columns {
			columns[i] = column(d, c) + " AS " + d.name(c.Name)
		}
		all = append(all, database.View{Name: k.Resource, Select: "SELECT " + strings.Join(columns, ", ") + from})
		key := "SELECT '" + k.Name + "' AS kind, " + d.part(5) + " AS namespace, " + d.part(6) + " AS name, "
		join, name, value := d.fields("metadata", "labels")
		labels = append(labels, key+name+" AS "+d.name("key")+", "+value+" AS value"+from+join)
		join, value, _ = d.elements("c", d.extract("o", "status", "conditions"))
		conditions = append(conditions, key+d.text(value, "type")+" AS type, "+d.text(value, "status")+" AS status, "+d.text(value, "reason")+" AS reason, "+
			d.text(value, "message")+" AS message, "+d.instant(d.text(value, "lastTransitionTime"))+" AS changed_at"+from+join)
	}
	all = append(all,
		database.View{Name: "labels", Select: strings.Join(labels, " UNION ALL ")},
		database.View{Name: "conditions", Select: strings.Join(conditions, " UNION ALL ")})
	return append(all, ofMessages(d)...)
}

func column(d dialect, c readmodel.Column) string {
	switch c.Name {
	case "namespace":
		return d.part(5)
	case "name":
		return d.part(6)
	}
	if c.Type == readmodel.Time {
		return d.instant(d.value(c))
	}
	return d.value(c)
}

// ofMessages returns the views of the messages with which Queries' targets answered.
func ofMessages(d dialect) []database.View {
	conversation := "coalesce(" + d.text("o", "status", "conversationId") + ", " + d.text("o", "spec", "conversationId") + ")"
	created := d.instant(d.text("o", "metadata", "creationTimestamp"))
	join, message, position := d.elements("m", d.parsed(d.text("o", "status", "response", "raw")))
	from := " FROM " + d.objects(readmodel.Prefix+"queries/") + join
	calls, call, number := d.elements("c", d.extract(message, "tool_calls"))
	key := "SELECT 'Query' AS kind, " + d.part(5) + " AS namespace, " + d.part(6) + " AS name, "
	said := " WHERE " + d.text(message, "role") + " IS NOT NULL"
	return []database.View{{Name: "messages", Select: key + position + " AS position, " + d.text(message, "role") + " AS role, " + d.text(message, "name") + " AS sender, " +
		d.said(message) + " AS content, " + conversation + " AS conversation_id, " + d.text("o", "spec", "sessionId") + " AS session_id, " + created + " AS created_at" + from + said,
	}, {Name: "tool_calls", Select: key + "row_number() OVER (PARTITION BY k ORDER BY " + position + ", " + number + ") - 1 AS position, " + d.text(call, "id") + " AS call_id, " +
		d.text(call, "function", "name") + " AS tool, " + d.text(call, "function", "arguments") + " AS arguments, coalesce(" + d.text(message, "name") + ", " +
		d.text("o", "spec", "target", "name") + ") AS agent, " + conversation + " AS conversation_id, " + created + " AS created_at" + from + calls + said}}
}
