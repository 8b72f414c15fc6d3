package sqlquery

import (
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sandbox decides what a statement may do.
type sandbox struct {
	// secret is the name of the common table expression through which every view reads its base table.
	secret string
	// schema is the name of the read model's file in the connection. SQLite does not ask the
	// authorizer about columns that USING and NATURAL compare, so no base table may have a name that a
	// statement can write.
	schema string
	views  map[string]bool
}

// allow implements sqlite.AuthorizerFn. Arguments and actions are those of sqlite3_set_authorizer.
func (s *sandbox) allow(action sqlite.AuthorizerActionCode, arg1, arg2, database, inner string) sqlite.AuthorizerReturnCode {
	switch int(action) {
	case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE:
		return sqlite.AuthorizerOK
	case sqlite3.SQLITE_FUNCTION:
		if allowedFunctions[strings.ToLower(arg2)] {
			return sqlite.AuthorizerOK
		}
	case sqlite3.SQLITE_READ:
		switch {
		case database == "temp" && s.views[arg1]:
			return sqlite.AuthorizerOK
		case database == s.schema && inner == s.secret:
			return sqlite.AuthorizerOK
		case database == "": // subqueries and common table expressions
			return sqlite.AuthorizerOK
		case arg1 == "json_each" || arg1 == "json_tree":
			return sqlite.AuthorizerOK
		}
	}
	return sqlite.AuthorizerDeny
}

// limits are SQLite's limits for a connection, by SQLITE_LIMIT_ number.
var limits = map[int]int{
	sqlite3.SQLITE_LIMIT_LENGTH:              maxValue,
	sqlite3.SQLITE_LIMIT_SQL_LENGTH:          maxStatement,
	sqlite3.SQLITE_LIMIT_COLUMN:              200,
	sqlite3.SQLITE_LIMIT_EXPR_DEPTH:          100,
	sqlite3.SQLITE_LIMIT_COMPOUND_SELECT:     20,
	sqlite3.SQLITE_LIMIT_VDBE_OP:             100_000,
	sqlite3.SQLITE_LIMIT_FUNCTION_ARG:        32,
	sqlite3.SQLITE_LIMIT_ATTACHED:            0,
	sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
	sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER:     100,
	sqlite3.SQLITE_LIMIT_WORKER_THREADS:      0,
}
