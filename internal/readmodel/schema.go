package readmodel

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// TimeDeclared and JSONDeclared are the declared types of columns with times and JSON, by which
// readers distinguish them from other text.
const (
	TimeDeclared = "TIMETEXT"
	JSONDeclared = "JSONTEXT"
)

// sqlType returns the declared type, which determines how SQLite compares a column's values.
func (t Type) sqlType() string {
	switch t {
	case Integer, Boolean:
		return "INTEGER"
	case Time:
		return TimeDeclared // it has TEXT affinity, as JSON has
	case JSON:
		return JSONDeclared
	case Text:
	}
	return "TEXT"
}

// schema returns the statements that create the tables. Objects of all kinds get ids from one
// sequence. The life of live objects is 0, and of deleted ones the revision that deleted them. The
// texts of deleted objects are in the table deleted.
func schema() []string {
	statements := []string{
		`CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID`,
		`CREATE TABLE objects(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, life INTEGER NOT NULL DEFAULT 0, created_at TEXT, phase TEXT, agent TEXT, UNIQUE(kind, namespace, name, life))`,
		`CREATE VIRTUAL TABLE fts USING fts5(title, description, input, output, scope, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2')`,
		`CREATE TABLE c_labels(object INTEGER NOT NULL, kind TEXT, namespace TEXT, name TEXT, key TEXT, value TEXT)`,
		`CREATE INDEX c_labels_object ON c_labels(object)`,
		`CREATE INDEX c_labels_key ON c_labels(key, value)`,
		`CREATE TABLE c_conditions(object INTEGER NOT NULL, kind TEXT, namespace TEXT, name TEXT, type TEXT, status TEXT, reason TEXT, message TEXT, changed_at ` + TimeDeclared + `)`,
		`CREATE INDEX c_conditions_object ON c_conditions(object)`,
		`CREATE TABLE c_messages(object INTEGER NOT NULL, kind TEXT, namespace TEXT, name TEXT, position INTEGER, role TEXT, sender TEXT, content TEXT, conversation_id TEXT, session_id TEXT, created_at ` + TimeDeclared + `)`,
		`CREATE INDEX c_messages_object ON c_messages(object)`,
		`CREATE TABLE c_tool_calls(object INTEGER NOT NULL, kind TEXT, namespace TEXT, name TEXT, position INTEGER, call_id TEXT, tool TEXT, arguments TEXT, agent TEXT, conversation_id TEXT, created_at ` + TimeDeclared + `)`,
		`CREATE INDEX c_tool_calls_object ON c_tool_calls(object)`,
		`CREATE TABLE c_revisions(kind TEXT, namespace TEXT, name TEXT, uid TEXT, revision INTEGER, generation INTEGER, verb TEXT, user_name TEXT, user_groups ` + JSONDeclared + `, impersonator TEXT, user_agent TEXT, field_manager TEXT, audit_id TEXT, cause TEXT, status_only INTEGER, deleted INTEGER, at ` + TimeDeclared + `, PRIMARY KEY(revision, kind, namespace, name)) WITHOUT ROWID`,
		`CREATE INDEX c_revisions_object ON c_revisions(kind, namespace, name, user_name)`,
		`CREATE TABLE deleted(id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, uid TEXT, description TEXT, input TEXT, output TEXT)`,
	}
	for _, k := range Kinds() {
		var columns strings.Builder
		for _, c := range k.Columns {
			columns.WriteString(", " + c.Name + " " + c.Type.sqlType())
		}
		statements = append(statements,
			"CREATE TABLE "+k.Table()+"(id INTEGER PRIMARY KEY, revision INTEGER NOT NULL"+columns.String()+")",
			"CREATE INDEX "+k.Table()+"_namespace ON "+k.Table()+"(namespace, created_at)")
	}
	return statements
}

// version changes whenever the tables or their contents do.
func version() string {
	sum := sha256.Sum256([]byte(contents + strings.Join(schema(), ";")))
	return hex.EncodeToString(sum[:8])
}

// contents has to be changed when the same columns are filled in another way.
const contents = "2"
