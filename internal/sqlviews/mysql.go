package sqlviews

import (
	"fmt"
	"strings"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

// MySQL returns the views for MySQL and MariaDB. They contain no backslash, whose meaning depends
// on the SQL mode of the session.
func MySQL() []database.View { return views(mysql{}) }

type mysql struct{}

func (mysql) path(path []string) string {
	p := "$"
	for _, field := range path {
		if field[0] >= '0' && field[0] <= '9' {
			p += "[" + field + "]"
			continue
		}
		p += `."` + field + `"`
	}
	return quote(p)
}

func (d mysql) extract(json string, path ...string) string {
	return "JSON_EXTRACT(" + json + ", " + d.path(path) + ")"
}

func (d mysql) text(json string, path ...string) string {
	return d.string(d.extract(json, path...))
}

// string returns the string value of a JSON expression, NULL for an empty string and for other
// types. It replaces NUL characters, at which many clients end a string.
func (mysql) string(json string) string {
	return "CASE JSON_TYPE(" + json + ") WHEN 'STRING' THEN NULLIF(REPLACE(JSON_UNQUOTE(" + json + "), CHAR(0 USING utf8mb4), CONVERT(X'EFBFBD' USING utf8mb4)), '') END"
}

func (d mysql) value(c readmodel.Column) string {
	var path []string
	if len(c.Paths) > 0 {
		path = c.Paths[0]
	}
	at := d.extract("o", path...)
	switch c.How {
	case readmodel.OfText:
		var texts []string
		for _, p := range c.Paths {
			texts = append(texts, d.text("o", p...))
		}
		return "COALESCE(" + strings.Join(texts, ", ") + ")"
	case readmodel.OfTextOrJSON:
		return "CASE JSON_TYPE(" + at + ") WHEN 'STRING' THEN " + d.text("o", path...) + " WHEN 'NULL' THEN NULL ELSE " + at + " END"
	case readmodel.OfJSON:
		return "CASE WHEN JSON_TYPE(" + at + ") <> 'NULL' THEN " + at + " END"
	case readmodel.OfInteger:
		return "CASE JSON_TYPE(" + at + ") WHEN 'INTEGER' THEN CAST(" + at + " AS SIGNED) END"
	case readmodel.OfBoolean:
		return "CASE WHEN JSON_TYPE(" + at + ") = 'BOOLEAN' AND JSON_UNQUOTE(" + at + ") = 'true' THEN 1 ELSE 0 END"
	case readmodel.OfDuration:
		return d.milliseconds(d.text("o", path...))
	case readmodel.OfCount:
		return "CASE JSON_TYPE(" + at + ") WHEN 'ARRAY' THEN JSON_LENGTH(" + at + ") ELSE 0 END"
	case readmodel.OfNames:
		join, value, _ := d.elements("r", at)
		var fields []string
		for _, f := range c.Paths[1] {
			fields = append(fields, d.text(value, f))
		}
		name := "COALESCE(" + strings.Join(fields, ", ") + ")"
		return "COALESCE((SELECT JSON_ARRAYAGG(" + name + ") FROM " + strings.TrimPrefix(join, " CROSS JOIN ") + " WHERE " + name + " IS NOT NULL), '[]')"
	case readmodel.OfAddress:
		plain := "REGEXP_REPLACE(" + d.text("o", path...) + ", '[?#].*$', '')"
		scheme := "REGEXP_SUBSTR(" + plain + ", '^[A-Za-z][A-Za-z0-9+.-]*://')"
		return "CASE WHEN " + plain + " REGEXP '^[A-Za-z][A-Za-z0-9+.-]*://' THEN CONCAT(" + scheme + ", REGEXP_REPLACE(SUBSTRING(" + plain + ", CHAR_LENGTH(" + scheme + ") + 1), '^[^/]*@', '')) END"
	case readmodel.OfReady:
		join, value, _ := d.elements("r", d.extract("o", "status", "conditions"))
		types := make([]string, len(path))
		for i, t := range path {
			types[i] = quote(t)
		}
		of := "FIELD(" + d.text(value, "type") + ", " + strings.Join(types, ", ") + ")"
		return "(SELECT " + d.text(value, "status") + " FROM " + strings.TrimPrefix(join, " CROSS JOIN ") + " WHERE " + of + " > 0 ORDER BY " + of + ", r.n LIMIT 1)"
	case readmodel.OfSize:
		return "size"
	case readmodel.OfNone:
	}
	return "NULL"
}

// milliseconds parses a Go duration: the number before each unit.
func (mysql) milliseconds(text string) string {
	var parts []string
	for _, unit := range []struct{ after, times string }{{"h", "3600000"}, {"m(?!s)", "60000"}, {"s", "1000"}, {"ms", "1"}, {"(us|µs)", "0.001"}, {"ns", "0.000001"}} {
		parts = append(parts, fmt.Sprintf("COALESCE(CAST(NULLIF(REGEXP_SUBSTR(%s, '[0-9.]+(?=%s)'), '') AS DECIMAL(30, 9)), 0) * %s", text, unit.after, unit.times))
	}
	return "CASE WHEN " + text + " REGEXP '^([0-9]+[.]?[0-9]*(h|ms|m|s|us|µs|ns))+$|^0$' THEN CAST(TRUNCATE(" + strings.Join(parts, " + ") + ", 0) AS SIGNED) END"
}

func (mysql) instant(text string) string {
	return "CAST(REPLACE(REPLACE(" + text + ", 'T', ' '), 'Z', '') AS DATETIME)"
}

func (mysql) part(n int) string {
	return fmt.Sprintf("SUBSTRING_INDEX(SUBSTRING_INDEX(k, '/', %d), '/', -1)", n)
}

func (mysql) objects(prefix string) string {
	const value = "CONVERT(l.value USING utf8mb4)"
	return "(SELECT CONVERT(l.`key` USING utf8mb4) COLLATE utf8mb4_bin AS k, CASE WHEN JSON_VALID(" + value + ") THEN " + value + " END AS o, LENGTH(l.value) AS size " +
		"FROM ark_state s JOIN ark_log l ON l.id = s.id WHERE l.`key` >= " + quote(prefix) + " AND l.`key` < " + quote(after(prefix)) + " AND JSON_VALID(" + value + ")) stored"
}

func (d mysql) fields(path ...string) (join, key, value string) {
	return " CROSS JOIN JSON_TABLE(JSON_KEYS(" + d.extract("o", path...) + "), '$[*]' COLUMNS (label VARCHAR(512) PATH '$')) f", "f.label",
		"COALESCE(JSON_UNQUOTE(JSON_EXTRACT(o, CONCAT(" + strings.TrimSuffix(d.path(path), "'") + `."', f.label, '"'))), '')`
}

// elements counts only the elements, because the value of a JSON_TABLE column for an object differs
// between MySQL and MariaDB.
func (mysql) elements(alias, list string) (join, value, index string) {
	return " CROSS JOIN JSON_TABLE(" + list + ", '$[*]' COLUMNS (n FOR ORDINALITY)) " + alias, "JSON_EXTRACT(" + list + ", CONCAT('$[', " + alias + ".n - 1, ']'))", alias + ".n - 1"
}

func (mysql) name(column string) string { return "`" + column + "`" }

func (mysql) parsed(text string) string {
	return "CASE WHEN JSON_VALID(" + text + ") THEN " + text + " END"
}

func (d mysql) said(message string) string {
	content := d.extract(message, "content")
	join, value, index := d.elements("p", content)
	return "CASE JSON_TYPE(" + content + ") WHEN 'STRING' THEN " + d.text(message, "content") + " WHEN 'ARRAY' THEN (SELECT GROUP_CONCAT(" + d.text(value, "text") +
		" ORDER BY " + index + " SEPARATOR X'0A') FROM " + strings.TrimPrefix(join, " CROSS JOIN ") + ") END"
}
