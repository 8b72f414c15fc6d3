package pgwire

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	serverVersion = "15.0"
	firstView     = 16384
	// catalogTime bounds a query of the catalog.
	catalogTime = 3 * time.Second
)

// constants are functions and names about the session in catalog queries.
var constants = map[string]string{
	"current_user": "'ark'", "session_user": "'ark'", "user": "'ark'", "current_role": "'ark'", "current_catalog": "'ark'", "current_schema": "'public'",
	"current_database": "'ark'", "version": "'PostgreSQL " + serverVersion + " (ark-server)'", "pg_backend_pid": "1", "pg_is_in_recovery": "1",
	"pg_table_is_visible": "1", "pg_type_is_visible": "1", "pg_function_is_visible": "1", "pg_get_userbyid": "'ark'", "pg_encoding_to_char": "'UTF8'",
	"has_table_privilege": "1", "has_schema_privilege": "1", "has_database_privilege": "1", "has_column_privilege": "1", "has_any_column_privilege": "1",
	"obj_description": "NULL", "col_description": "NULL", "shobj_description": "NULL",
	"array_to_string": "NULL", "array_length": "NULL", "pg_relation_is_publishable": "0",
	"pg_size_pretty": "'0 bytes'", "pg_table_size": "0", "pg_relation_size": "0", "pg_total_relation_size": "0", "pg_database_size": "0", "current_schemas": "'public'",
}

// settings are the settings that clients read.
var settings = map[string]string{
	"server_version": serverVersion, "server_version_num": "150000", "search_path": "public", "transaction_isolation": "read committed", "default_transaction_isolation": "read committed",
	"standard_conforming_strings": "on", "client_encoding": "UTF8", "server_encoding": "UTF8", "timezone": "UTC", "time zone": "UTC", "datestyle": "ISO, MDY", "intervalstyle": "postgres",
	"integer_datetimes": "on", "max_identifier_length": "63", "transaction_read_only": "on", "default_transaction_read_only": "on", "extra_float_digits": "1", "is_superuser": "off",
	"application_name": "", "statement_timeout": "30000", "lc_collate": "C", "lc_ctype": "C", "max_index_keys": "32",
}

// emptyTables are catalog tables without rows, with the columns that clients read.
var emptyTables = map[string]string{
	"pg_am": "oid amname amtype amhandler", "pg_attrdef": "oid adrelid adnum adbin", "pg_collation": "oid collname collnamespace", "pg_index": "indexrelid indrelid indisprimary indisunique indisclustered indisvalid indkey indisreplident indnatts indnkeyatts",
	"pg_constraint": "oid conname connamespace contype conrelid conindid confrelid conkey confkey condeferrable condeferred conparentid conislocal", "pg_inherits": "inhrelid inhparent inhseqno inhdetachpending",
	"pg_policy": "oid polname polrelid polcmd polpermissive polroles polqual polwithcheck", "pg_rewrite": "oid rulename ev_class ev_enabled", "pg_trigger": "oid tgrelid tgname tgenabled tgisinternal tgparentid tgconstraint",
	"pg_proc": "oid proname pronamespace proowner prokind prorettype proargtypes prolang provolatile prosecdef proacl prosrc proparallel", "pg_language": "oid lanname", "pg_description": "objoid classoid objsubid description", "pg_shdescription": "objoid classoid description",
	"pg_auth_members": "roleid member", "pg_tablespace": "oid spcname spcowner", "pg_extension": "oid extname extversion extnamespace", "pg_enum": "oid enumtypid enumlabel enumsortorder", "pg_range": "rngtypid rngsubtype",
	"pg_foreign_table": "ftrelid ftserver ftoptions", "pg_foreign_server": "oid srvname", "pg_statistic_ext": "oid stxrelid stxname stxnamespace stxkind", "pg_publication": "oid pubname puballtables", "pg_publication_rel": "prpubid prrelid prattrs prqual",
	"pg_publication_namespace": "pnpubid pnnspid", "pg_sequence": "seqrelid", "pg_depend": "classid objid objsubid refclassid refobjid refobjsubid deptype", "pg_partitioned_table": "partrelid", "pg_event_trigger": "oid evtname", "pg_matviews": "schemaname matviewname", "pg_indexes": "schemaname tablename indexname",
	"information_schema_table_constraints": "table_name table_schema constraint_name constraint_type", "information_schema_key_column_usage": "table_name table_schema constraint_name column_name ordinal_position", "information_schema_routines": "routine_name routine_schema",
}

// catalog answers clients' queries about tables, from an in-memory database. It is safe for
// concurrent use.
type catalog struct{ db *sql.DB }

// registerRegexp adds x REGEXP y to the driver, which has one set of functions for the process.
var registerRegexp = sync.OnceValue(func() error {
	return sqlite.RegisterDeterministicScalarFunction("regexp", 2, func(_ *sqlite.FunctionContext, arguments []driver.Value) (driver.Value, error) {
		pattern, _ := arguments[0].(string)
		subject, ok := arguments[1].(string)
		if !ok {
			return nil, nil
		}
		matched, err := regexp.MatchString(pattern, subject)
		if err != nil {
			return nil, errors.New("the regular expression is not valid")
		}
		return matched, nil
	})
})

var typeNames = map[string][2]string{typeText: {"text", "text"}, typeInt: {"int8", "bigint"}, typeReal: {"float8", "double precision"}, typeTime: {"timestamptz", "timestamp with time zone"}, typeDate: {"date", "date"}, typeBool: {"bool", "boolean"}, "json": {"json", "json"}}

func newCatalog(views []View) (*catalog, error) {
	if err := registerRegexp(); err != nil {
		return nil, fmt.Errorf("register regexp: %w", err)
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection would have a separate database
	c := &catalog{db}
	if err := c.fill(views); err != nil {
		return nil, errors.Join(fmt.Errorf("make the catalog: %w", err), db.Close())
	}
	return c, c.protect()
}

func (c *catalog) fill(views []View) error {
	var b strings.Builder
	for name, columns := range emptyTables {
		fmt.Fprintf(&b, "CREATE TABLE %s(%s);", name, strings.Join(strings.Fields(columns), ", "))
	}
	b.WriteString(`CREATE TABLE pg_namespace(oid INTEGER, nspname TEXT, nspowner INTEGER, nspacl TEXT);
		INSERT INTO pg_namespace VALUES (11, 'pg_catalog', 10, NULL), (2200, 'public', 10, NULL), (13000, 'information_schema', 10, NULL);
		CREATE TABLE pg_roles(oid INTEGER, rolname TEXT, rolsuper INTEGER, rolinherit INTEGER, rolcreaterole INTEGER, rolcreatedb INTEGER, rolcanlogin INTEGER, rolconnlimit INTEGER, rolvaliduntil TEXT, rolreplication INTEGER, rolbypassrls INTEGER);
		INSERT INTO pg_roles VALUES (10, 'ark', 0, 1, 0, 0, 1, -1, NULL, 0, 0);
		CREATE VIEW pg_user AS SELECT rolname AS usename, oid AS usesysid, rolsuper AS usesuper FROM pg_roles;
		CREATE TABLE pg_database(oid INTEGER, datname TEXT, datdba INTEGER, encoding INTEGER, datcollate TEXT, datctype TEXT, daticulocale TEXT, datlocprovider TEXT, datistemplate INTEGER, datallowconn INTEGER, datacl TEXT, dattablespace INTEGER);
		INSERT INTO pg_database VALUES (1, 'ark', 10, 6, 'C', 'C', NULL, 'c', 0, 1, NULL, 0);
		CREATE TABLE pg_settings(name TEXT, setting TEXT);
		CREATE TABLE pg_type(oid INTEGER, typname TEXT, typnamespace INTEGER, typlen INTEGER, typtype TEXT, typcategory TEXT, typrelid INTEGER, typelem INTEGER, typarray INTEGER, typbasetype INTEGER, typcollation INTEGER, typowner INTEGER, typdelim TEXT, typnotnull INTEGER, typtypmod INTEGER, typinput TEXT, format TEXT);
		CREATE TABLE pg_class(oid INTEGER, relname TEXT, relnamespace INTEGER, reltype INTEGER, reloftype INTEGER, relowner INTEGER, relam INTEGER, relkind TEXT, relchecks INTEGER, relhasindex INTEGER, relhasrules INTEGER, relhastriggers INTEGER,
			relrowsecurity INTEGER, relforcerowsecurity INTEGER, relispartition INTEGER, reltablespace INTEGER, relpersistence TEXT, relreplident TEXT, reltoastrelid INTEGER, relnatts INTEGER, reltuples REAL, relpages INTEGER, relacl TEXT, reloptions TEXT, relpartbound TEXT);
		CREATE TABLE pg_attribute(attrelid INTEGER, attname TEXT, atttypid INTEGER, attnum INTEGER, atttypmod INTEGER, attnotnull INTEGER, atthasdef INTEGER, attisdropped INTEGER, attcollation INTEGER, attidentity TEXT, attgenerated TEXT, attlen INTEGER, attstorage TEXT, attcompression TEXT, attstattarget INTEGER, attacl TEXT, attfdwoptions TEXT);
		CREATE TABLE information_schema_columns(table_catalog TEXT, table_schema TEXT, table_name TEXT, column_name TEXT, ordinal_position INTEGER, column_default TEXT, is_nullable TEXT, data_type TEXT, udt_name TEXT, character_maximum_length INTEGER, numeric_precision INTEGER, numeric_scale INTEGER, udt_schema TEXT);
		CREATE VIEW information_schema_tables AS SELECT 'ark' AS table_catalog, 'public' AS table_schema, relname AS table_name, 'VIEW' AS table_type FROM pg_class;
		CREATE VIEW information_schema_views AS SELECT 'ark' AS table_catalog, 'public' AS table_schema, relname AS table_name, NULL AS view_definition FROM pg_class;
		CREATE VIEW information_schema_schemata AS SELECT 'ark' AS catalog_name, nspname AS schema_name FROM pg_namespace;
		CREATE VIEW pg_views AS SELECT 'public' AS schemaname, relname AS viewname, 'ark' AS viewowner, NULL AS definition FROM pg_class;
		CREATE VIEW pg_tables AS SELECT 'public' AS schemaname, relname AS tablename, 'ark' AS tableowner FROM pg_class WHERE 0;`)
	for name, value := range settings {
		fmt.Fprintf(&b, "INSERT INTO pg_settings VALUES (%s, %s);", literal(name), literal(value))
	}
	for typ, names := range typeNames {
		fmt.Fprintf(&b, "INSERT INTO pg_type VALUES (%d, '%s', 11, %d, 'b', 'U', 0, 0, 0, 0, 0, 10, ',', 0, -1, '%[2]sin', '%[4]s');", oids[typ], names[0], sizes[typ], names[1])
	}
	for i, v := range views {
		oid := firstView + i
		fmt.Fprintf(&b, "INSERT INTO pg_class VALUES (%d, %s, 2200, 0, 0, 10, 0, 'v', 0, 0, 0, 0, 0, 0, 0, 0, 'p', 'n', 0, %d, -1, 0, NULL, NULL, NULL);", oid, literal(v.Name), len(v.Columns))
		for k, c := range v.Columns {
			names := typeNames[c.Type]
			fmt.Fprintf(&b, "INSERT INTO pg_attribute VALUES (%d, %s, %d, %d, -1, 0, 0, 0, 0, '', '', %d, 'x', '', -1, NULL, NULL);", oid, literal(c.Name), oids[c.Type], k+1, sizes[c.Type])
			fmt.Fprintf(&b, "INSERT INTO information_schema_columns VALUES ('ark', 'public', %s, %s, %d, NULL, 'YES', '%s', '%s', NULL, NULL, NULL, 'pg_catalog');", literal(v.Name), literal(c.Name), k+1, names[1], names[0])
		}
	}
	_, err := c.db.ExecContext(context.Background(), b.String())
	return err
}

// protect makes statements read-only, and bounds their values.
func (c *catalog) protect() error {
	ctx := context.Background()
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // returns it to the pool
	if _, err := sqlite.Limit(conn, sqlite3.SQLITE_LIMIT_LENGTH, 1<<20); err != nil {
		return err
	}
	return conn.Raw(func(raw any) error {
		r, ok := raw.(sqlite.AuthorizerRegisterer)
		if !ok {
			return errors.New("the driver has no authorizer")
		}
		return r.RegisterAuthorizer(func(action sqlite.AuthorizerActionCode, _, _, _, _ string) sqlite.AuthorizerReturnCode {
			switch int(action) {
			case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION: // the translator permits only known functions
				return sqlite.AuthorizerOK
			}
			return sqlite.AuthorizerDeny
		})
	})
}

func (c *catalog) run(ctx context.Context, statement string, parameters map[string]any) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, catalogTime)
	defer cancel()
	var values []any
	for name, value := range parameters {
		values = append(values, sql.Named(name, value))
	}
	rows, err := c.db.QueryContext(ctx, statement, values...)
	if err != nil {
		return nil, catalogFault(ctx, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	answer := &Answer{}
	for _, t := range types {
		answer.Columns = append(answer.Columns, Column{Name: t.Name()})
	}
	for rows.Next() {
		if len(answer.Rows) == maxRows {
			answer.Truncated = true
			return answer, nil
		}
		row, into := make([]any, len(types)), make([]any, len(types))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		answer.Rows = append(answer.Rows, row)
	}
	if err := rows.Err(); err != nil {
		return nil, catalogFault(ctx, err)
	}
	return answer, nil
}

func catalogFault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &Fault{codeStatementTime, "canceling statement due to statement timeout"}
	}
	message := strings.TrimPrefix(err.Error(), "SQL logic error: ")
	if i := strings.LastIndex(message, " ("); i > 0 {
		message = message[:i]
	}
	return &Fault{codeUnsupported, "this question about tables is not answered: " + message}
}

// catalogCall translates a catalog function.
func (t *translator) catalogCall(name string, arguments [][]node) (sql string, ok bool, err error) {
	if value, known := constants[name]; known {
		return value, true, nil
	}
	if strings.HasPrefix(name, "pg_get_") { // definitions, which do not exist here
		return "NULL", true, nil
	}
	first := ""
	if len(arguments) > 0 {
		if first, _, err = t.expression(arguments[0]); err != nil {
			return "", false, err
		}
	}
	switch name {
	case "format_type":
		return "coalesce((SELECT format FROM pg_type WHERE pg_type.oid = " + first + "), '???')", true, nil
	case "quote_ident", "quote_literal":
		return first, true, nil
	case "current_setting":
		return "(SELECT setting FROM pg_settings WHERE name = " + first + ")", true, nil
	case "to_regclass":
		return "(SELECT oid FROM pg_class WHERE relname = " + first + ")", true, nil
	}
	return "", false, nil
}

// ofCatalog reports whether a statement reads the catalog or the session's settings.
func ofCatalog(nodes []node) bool {
	for _, n := range nodes {
		if n.kind == group && ofCatalog(n.in) {
			return true
		}
		if n.kind == word && (strings.HasPrefix(n.text, "pg_") || n.text == "information_schema" || n.text == "current_setting" || n.text == "version" ||
			n.text == "current_schema" || n.text == "current_database" || n.text == "current_user" || n.text == "session_user" || n.text == "current_catalog") {
			return true
		}
	}
	return false
}
