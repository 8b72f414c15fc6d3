package sqlquery

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
)

// attach attaches the file of the read model as a schema of a connection, read-only. SQLite looks
// for a name without a schema in temp, in main, and then in attached files. Therefore main has an
// empty table for each of the file's tables.
func attach(ctx context.Context, conn *sql.Conn, path, schema string) error {
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro"}
	if _, err := conn.ExecContext(ctx, "ATTACH "+literal(file.String())+" AS "+schema); err != nil {
		return err
	}
	for _, pragma := range []string{"cache_size = -2048", "mmap_size = 0"} {
		if _, err := conn.ExecContext(ctx, "PRAGMA "+schema+"."+pragma); err != nil {
			return err
		}
	}
	names, err := tables(ctx, conn, schema)
	if err != nil {
		return err
	}
	statements := []string{"BEGIN", "CREATE TABLE main.numbered(numbered INTEGER PRIMARY KEY AUTOINCREMENT)"} // creates main.sqlite_sequence
	for _, name := range names {
		statements = append(statements, "CREATE TABLE main."+quoted(name)+"(shadow)")
	}
	_, err = conn.ExecContext(ctx, strings.Join(append(statements, "COMMIT"), ";"))
	return err
}

// tables returns the names of a schema's tables, except SQLite's own, which cannot be created. A
// table comes before those whose names it is a prefix of: once main has a table fts, fts_data is
// not part of a virtual table there, and can be created.
func tables(ctx context.Context, conn *sql.Conn, schema string) ([]string, error) {
	rows, err := conn.QueryContext(ctx, "SELECT name FROM "+schema+".sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
