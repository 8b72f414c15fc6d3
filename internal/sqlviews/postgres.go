package sqlviews

import (
	"strings"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/readmodel"
)

// Postgres returns the views for a schema "ark" that has the functions of PostgresFunctions.
func Postgres() []database.View { return views(postgres{}) }

// PostgresFunctions creates the functions that the views call: ark.object parses JSON and replaces
// \u0000, which jsonb rejects; ark.milliseconds parses a Go duration.
const PostgresFunctions = `
CREATE OR REPLACE FUNCTION ark.object(stored bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT AS $f$
DECLARE t text;
BEGIN
	t := convert_from(stored, 'UTF8');
	IF position('\u0000' IN t) > 0 THEN
		t := regexp_replace(t, '(?<!\\)((?:\\\\)*)\\u0000', '\1' || chr(65533), 'g');
	END IF;
	RETURN t::jsonb;
EXCEPTION WHEN others THEN
	RETURN NULL;
END $f$;
CREATE OR REPLACE FUNCTION ark.milliseconds(duration text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $f$
	SELECT CASE WHEN duration ~ '^([0-9]+\.?[0-9]*(h|ms|m|s|us|µs|ns))+$|^0$' THEN (SELECT coalesce(trunc(sum(m[1]::numeric *
		CASE m[2] WHEN 'h' THEN 3600000 WHEN 'm' THEN 60000 WHEN 's' THEN 1000 WHEN 'ms' THEN 1 WHEN 'ns' THEN 0.000001 ELSE 0.001 END)), 0)::bigint
		FROM regexp_matches(duration, '([0-9]+\.?[0-9]*)(h|ms|m|s|us|µs|ns)', 'g') m) END
$f$;
`

type postgres struct{}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (postgres) path(path []string) string { return quote("{" + strings.Join(path, ",") + "}") }

func (d postgres) extract(json string, path ...string) string {
	return "(" + json + " #> " + d.path(path) + ")"
}

func (d postgres) text(json string, path ...string) string {
	return "CASE jsonb_typeof(" + d.extract(json, path...) + ") WHEN 'string' THEN nullif(" + json + " #>> " + d.path(path) + ", '') END"
}

func (d postgres) value(c readmodel.Column) string {
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
		return "coalesce(" + strings.Join(texts, ", ") + ")"
	case readmodel.OfTextOrJSON:
		return "CASE jsonb_typeof(" + at + ") WHEN 'string' THEN nullif(o #>> " + d.path(path) + ", '') WHEN 'null' THEN NULL ELSE " + at + "::text END"
	case readmodel.OfJSON:
		return "nullif(" + at + ", 'null'::jsonb)"
	case readmodel.OfInteger:
		return "CASE WHEN jsonb_typeof(" + at + ") = 'number' AND o #>> " + d.path(path) + " ~ '^-?[0-9]{1,18}$' THEN (o #>> " + d.path(path) + ")::bigint END"
	case readmodel.OfBoolean:
		return "coalesce(" + at + " = 'true'::jsonb, false)"
	case readmodel.OfDuration:
		return "ark.milliseconds(" + d.text("o", path...) + ")"
	case readmodel.OfCount:
		return "CASE jsonb_typeof(" + at + ") WHEN 'array' THEN jsonb_array_length(" + at + ") ELSE 0 END::bigint"
	case readmodel.OfNames:
		join, value, index := d.elements("r", at)
		var fields []string
		for _, f := range c.Paths[1] {
			fields = append(fields, d.text(value, f))
		}
		return "coalesce((SELECT jsonb_agg(n.n ORDER BY n.i) FROM (SELECT " + index + " AS i, coalesce(" + strings.Join(fields, ", ") + ") AS n FROM " +
			strings.TrimPrefix(join, " CROSS JOIN ") + ") n WHERE n.n IS NOT NULL), '[]'::jsonb)"
	case readmodel.OfAddress:
		return "regexp_replace(regexp_replace(CASE WHEN " + d.text("o", path...) + " ~ '^[A-Za-z][A-Za-z0-9+.-]*://' THEN o #>> " + d.path(path) +
			" END, '[?#].*$', ''), '^([^:/]*://)[^/]*@', '\\1')"
	case readmodel.OfReady:
		types := make([]string, len(path))
		for i, t := range path {
			types[i] = quote(t)
		}
		join, value, index := d.elements("r", d.extract("o", "status", "conditions"))
		of := "array_position(ARRAY[" + strings.Join(types, ", ") + "], " + d.text(value, "type") + ")"
		return "(SELECT " + d.text(value, "status") + " FROM " + strings.TrimPrefix(join, " CROSS JOIN ") + " WHERE " + of + " IS NOT NULL ORDER BY " + of + ", " + index + " LIMIT 1)"
	case readmodel.OfSize:
		return "size"
	case readmodel.OfNone:
	}
	return "NULL"
}

func (postgres) instant(text string) string {
	return "CASE WHEN " + text + ` ~ '^[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]' THEN (` + text + ")::timestamptz END"
}

func (postgres) part(n int) string { return "split_part(k, '/', " + string(rune('0'+n)) + ")" }

// objects parses the JSON of an object once: OFFSET prevents the planner from inlining it into each
// expression.
func (postgres) objects(prefix string) string {
	return "(SELECT * FROM (SELECT convert_from(l.key, 'UTF8') AS k, ark.object(l.value) AS o, octet_length(l.value)::bigint AS size FROM ark_state s JOIN ark_log l ON l.id = s.id WHERE l.key >= " +
		quote(prefix) + "::bytea AND l.key < " + quote(after(prefix)) + "::bytea OFFSET 0) every WHERE o IS NOT NULL) stored"
}

// after returns the first key after those with a prefix that ends with a slash.
func after(prefix string) string { return strings.TrimSuffix(prefix, "/") + "0" }

func (d postgres) fields(path ...string) (join, key, value string) {
	at := d.extract("o", path...)
	return " CROSS JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(" + at + ") WHEN 'object' THEN " + at + " END) f(label, v)", "f.label", "coalesce(f.v, '')"
}

func (postgres) elements(alias, list string) (join, value, index string) {
	return " CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(" + list + ") WHEN 'array' THEN " + list + " END) WITH ORDINALITY " + alias + "(v, n)", alias + ".v", alias + ".n - 1"
}

func (postgres) name(column string) string { return column }

func (postgres) parsed(text string) string { return "ark.object(convert_to(" + text + ", 'UTF8'))" }

func (d postgres) said(message string) string {
	join, value, index := d.elements("p", d.extract(message, "content"))
	return "CASE jsonb_typeof(" + d.extract(message, "content") + ") WHEN 'string' THEN " + d.text(message, "content") + " WHEN 'array' THEN (SELECT string_agg(" +
		d.text(value, "text") + ", chr(10) ORDER BY " + index + ") FROM " + strings.TrimPrefix(join, " CROSS JOIN ") + ") END"
}
