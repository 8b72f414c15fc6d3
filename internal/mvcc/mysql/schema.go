package mysql

import (
	"strings"

	"github.com/mckinsey/ark-server/internal/mvcc/schema"
)

// A statement of MySQL that changes a table commits by itself, so a migration
// that is interrupted leaves part of itself behind: every statement must do
// no harm a second time. One that adds a column may fail, for it is there.
var migrations = []schema.Migration{{Title: "create the tables", Demands: 1, SQL: `
CREATE TABLE IF NOT EXISTS ark_log (
	id            BIGINT     NOT NULL PRIMARY KEY COMMENT 'revision << 20 | position in it',
	§key§         MEDIUMBLOB NOT NULL,
	value         LONGBLOB   COMMENT 'NULL where the row tells of a delete',
	created       BIGINT     NOT NULL COMMENT 'id of the row that created the key',
	version       BIGINT     NOT NULL COMMENT 'puts since then; 0 tells of a delete',
	lease         BIGINT     NOT NULL,
	prev          BIGINT     NOT NULL COMMENT 'revision of the row replaced, 0 for none',
	at            BIGINT     NOT NULL COMMENT 'milliseconds since 1970',
	batch         BIGINT     NOT NULL COMMENT 'names the transaction that wrote the row',
	user          TEXT,
	§groups§      TEXT,
	impersonator  TEXT,
	user_agent    TEXT,
	field_manager TEXT,
	audit_id      TEXT,
	verb          TEXT
) §table§ COMMENT 'every revision';
CREATE TABLE IF NOT EXISTS ark_state (
	created BIGINT NOT NULL PRIMARY KEY COMMENT 'id of the row of the log that created a live key',
	id      BIGINT NOT NULL COMMENT 'id of the newest row of the key'
) §table§ COMMENT 'the live keys';
CREATE TABLE IF NOT EXISTS ark_lease (
	id       BIGINT  NOT NULL PRIMARY KEY,
	ttl      BIGINT  NOT NULL COMMENT 'seconds, as granted',
	deadline BIGINT  NOT NULL COMMENT 'milliseconds since 1970; where gone, since when',
	changed  BIGINT  NOT NULL COMMENT 'change that wrote the row',
	gone     TINYINT NOT NULL COMMENT '1 where the lease is no more',
	KEY changes (gone, changed)
) §table§ COMMENT 'the leases';
CREATE TABLE IF NOT EXISTS ark_counter (
	one       TINYINT NOT NULL PRIMARY KEY,
	revision  BIGINT  NOT NULL COMMENT 'the newest',
	changes   BIGINT  NOT NULL COMMENT 'batches of which no revision tells completely',
	compacted BIGINT  NOT NULL COMMENT 'the compacted revision',
	batch     BIGINT  NOT NULL COMMENT 'names the transaction that wrote last'
) §table§ COMMENT 'each write begins here';
INSERT IGNORE INTO ark_counter (one, revision, changes, compacted, batch) VALUES (1, 1, 0, 0, 0);
CREATE TABLE IF NOT EXISTS ark_pruning (
	one       TINYINT NOT NULL PRIMARY KEY,
	pruned    BIGINT  NOT NULL COMMENT 'revision up to which rows have been deleted',
	forgotten BIGINT  NOT NULL COMMENT 'change up to which leases that are gone have been deleted'
) §table§ COMMENT 'how far rows have gone';
INSERT IGNORE INTO ark_pruning (one, pruned, forgotten) VALUES (1, 0, 0);
CREATE TABLE IF NOT EXISTS ark_maintainer (
	one    TINYINT NOT NULL PRIMARY KEY,
	holder BIGINT  NOT NULL,
	until  BIGINT  NOT NULL COMMENT 'microseconds since 1970'
) §table§ COMMENT 'the replica that expires leases and prunes';
INSERT IGNORE INTO ark_maintainer VALUES (1, 0, 0)`}, {Title: "let a key live once", Demands: 1, SQL: `
ALTER TABLE ark_state ADD COLUMN key_hash BINARY(16) COMMENT 'mvcc.KeyHash; NULL where a release without it wrote the row', ADD UNIQUE KEY live_key (key_hash)`}, {Title: "know a history by its batches", Demands: 1, SQL: `
ALTER TABLE ark_counter ADD COLUMN store BIGINT NOT NULL DEFAULT 0 COMMENT 'mvcc.State.Store';
UPDATE ark_counter SET store=CAST(CONV(HEX(RANDOM_BYTES(5)),16,10) AS SIGNED)*65536+65536 WHERE store=0;
ALTER TABLE ark_counter ADD COLUMN newest BIGINT NOT NULL DEFAULT 0 COMMENT 'the batch that wrote the revision, where batch is below 0; 0 where it is not known';
ALTER TABLE ark_pruning ADD COLUMN witnessed BIGINT NOT NULL DEFAULT 0 COMMENT 'what pruned was when ark_writer was last brought up to date';
ALTER TABLE ark_pruning ADD COLUMN unwitnessed BIGINT NOT NULL DEFAULT 0 COMMENT 'the writers of revisions up to this one are not recorded';
CREATE TABLE IF NOT EXISTS ark_writer (
	writer BIGINT NOT NULL PRIMARY KEY COMMENT 'mvcc.WriterOf',
	batch  BIGINT NOT NULL COMMENT 'its newest one up to the pruned revision'
) §table§ COMMENT 'who wrote what has been pruned'`}, {Title: "add side tables", Demands: 1, SQL: `
CREATE TABLE IF NOT EXISTS ark_side (
	id    BIGINT         NOT NULL PRIMARY KEY COMMENT 'greater than that of every row before, of any table',
	tbl   VARBINARY(32)  NOT NULL COMMENT 'the name of the side table',
	§key§ VARBINARY(512) NOT NULL,
	at    BIGINT         NOT NULL COMMENT 'milliseconds since 1970',
	size  INT            NOT NULL COMMENT 'bytes of key and data',
	data  LONGBLOB       NOT NULL,
	KEY side_key (tbl, §key§, id),
	KEY side_time (tbl, at, id)
) §table§ COMMENT 'the rows of side tables';
CREATE TABLE IF NOT EXISTS ark_side_counter (
	one    TINYINT NOT NULL PRIMARY KEY,
	newest BIGINT  NOT NULL COMMENT 'the newest id that was assigned'
) §table§ COMMENT 'each batch of side rows begins here';
INSERT IGNORE INTO ark_side_counter (one, newest) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS ark_side_batch (
	writer  BIGINT NOT NULL,
	seq     BIGINT NOT NULL COMMENT 'counts the attempts of the writer',
	newest  BIGINT NOT NULL COMMENT 'the newest id that was assigned by then; 0 where the batch was given up',
	deleted TEXT   NOT NULL COMMENT 'how many rows each of its deletes took, with a space behind each number',
	PRIMARY KEY (writer, seq),
	KEY newest (newest)
) §table§ COMMENT 'the newest batch of each writer of side rows'`}}

// ourTables are those that the migrations make.
var ourTables = []string{"ark_log", "ark_state", "ark_lease", "ark_counter", "ark_pruning", "ark_maintainer", "ark_writer", "ark_side", "ark_side_counter", "ark_side_batch"}

// tableList names them and the one that lists the migrations, in SQL.
var tableList = "'ark_schema','" + strings.Join(ourTables, "','") + "'"

// schemaTable lists the migrations that the database has had. It is made first: a
// database with other tables of ours and without it is another program's.
const schemaTable = `CREATE TABLE IF NOT EXISTS ark_schema (
	version INT    NOT NULL PRIMARY KEY,
	demands INT    NOT NULL COMMENT 'the version that a program must know',
	title   TEXT   NOT NULL,
	at      BIGINT NOT NULL COMMENT 'milliseconds since 1970'
) §table§ COMMENT 'the schema versions'`

// ddl fills in what all tables have in common.
func ddl(text string) string {
	text = strings.ReplaceAll(text, "§table§", "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin")
	return strings.ReplaceAll(text, "§", "`")
}

// statementsOf returns the single statements of a migration.
func statementsOf(m schema.Migration) []string {
	var list []string
	for _, s := range strings.Split(ddl(m.SQL), ";\n") {
		list = append(list, strings.TrimSpace(s))
	}
	return list
}
