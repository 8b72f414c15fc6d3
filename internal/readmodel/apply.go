package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

func insertOf(k Kind) string {
	columns := []string{"id", "revision"}
	for _, c := range k.Columns {
		columns = append(columns, c.Name)
	}
	return "INSERT INTO " + k.Table() + "(" + strings.Join(columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(columns)-1) + ")"
}

// batch is a transaction on the model.
type batch struct {
	m  *Model
	tx *sql.Tx
	// rows is the change of the number of objects in the model.
	rows int64
	// prepared are prepared statements by their text. They are closed with the transaction.
	prepared map[string]*sql.Stmt
}

func (m *Model) begin(ctx context.Context) (*batch, error) {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &batch{m: m, tx: tx, prepared: map[string]*sql.Stmt{}}, nil
}

// statement prepares a statement that a batch runs many times.
func (b *batch) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if s := b.prepared[text]; s != nil {
		return s, nil
	}
	s, err := b.tx.PrepareContext(ctx, text)
	if err == nil {
		b.prepared[text] = s
	}
	return s, err
}

func (b *batch) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s, err := b.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

// commit writes the checkpoint and commits; revision 0 means that the model is not complete yet.
func (b *batch) commit(ctx context.Context, revision int64) error {
	_, err := b.tx.ExecContext(ctx, `INSERT INTO meta VALUES ('revision', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value`, revision)
	if err != nil {
		return err
	}
	if err := b.tx.Commit(); err != nil {
		return err
	}
	b.m.setStatus(func(s *Status) { s.Rows += b.rows })
	return nil
}

func (b *batch) rollback() { _ = b.tx.Rollback() } // no effect after a commit

// clear removes all rows.
func (b *batch) clear(ctx context.Context) error {
	tables := []string{"objects", "fts", "c_labels", "c_conditions", "c_messages", "c_tool_calls", "c_revisions", "deleted"}
	for _, k := range Kinds() {
		tables = append(tables, k.Table())
	}
	for _, table := range tables {
		if _, err := b.tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return fmt.Errorf("clear %s: %w", table, err)
		}
	}
	_, err := b.tx.ExecContext(ctx, `DELETE FROM meta WHERE key = 'past'`)
	return err
}

// apply applies one change.
func (b *batch) apply(ctx context.Context, c Change) error {
	resource, namespace, name, err := parseKey(c.Key)
	if err != nil {
		return nil //nolint:nilerr // something else is kept under that key
	}
	k, known := b.m.kinds[resource]
	if !known {
		return nil
	}
	if err := b.remove(ctx, k, namespace, name); err != nil {
		return fmt.Errorf("remove the row of %s %s/%s: %w", k.Name, namespace, name, err)
	}
	if c.Value == nil {
		return nil
	}
	o, ok := decode(c.Value)
	if !ok {
		return nil
	}
	if err := b.put(ctx, k, namespace, name, c.Revision, len(c.Value), o); err != nil {
		return fmt.Errorf("write the row of %s %s/%s: %w", k.Name, namespace, name, err)
	}
	return nil
}

func (b *batch) remove(ctx context.Context, k Kind, namespace, name string) error {
	s, err := b.statement(ctx, `DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ? AND life = 0 RETURNING id`)
	if err != nil {
		return err
	}
	var id int64
	err = s.QueryRowContext(ctx, k.Name, namespace, name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	b.rows--
	for _, statement := range []string{
		"DELETE FROM " + k.Table() + " WHERE id = ?", "DELETE FROM c_labels WHERE object = ?", "DELETE FROM c_conditions WHERE object = ?",
		"DELETE FROM fts WHERE rowid = ?", "DELETE FROM c_messages WHERE object = ?", "DELETE FROM c_tool_calls WHERE object = ?",
	} {
		if _, err := b.exec(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) put(ctx context.Context, k Kind, namespace, name string, revision int64, size int, o object) error {
	result, err := b.exec(ctx, `INSERT INTO objects(kind, namespace, name) VALUES (?, ?, ?)`, k.Name, namespace, name)
	if err != nil {
		return err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return err
	}
	b.rows++
	values, byName := []any{id, revision}, map[string]any{}
	for _, c := range k.Columns {
		switch c.Name {
		case "namespace":
			byName[c.Name] = namespace // authorization uses the key's namespace, never the object's own field
		case "name":
			byName[c.Name] = name
		case bytesColumn:
			byName[c.Name] = int64(size)
		default:
			byName[c.Name] = c.read(o)
		}
		values = append(values, byName[c.Name])
	}
	if _, err := b.exec(ctx, b.m.insert[k.Resource], values...); err != nil {
		return err
	}
	if _, err := b.exec(ctx, `UPDATE objects SET created_at = ?, phase = ?, agent = ? WHERE id = ?`,
		byName["created_at"], byName["phase"], k.agent(byName), id); err != nil {
		return err
	}
	texts := []any{id, words(name)}
	for _, column := range k.Texts() {
		text, _ := byName[column].(string)
		texts = append(texts, words(text))
	}
	texts = append(texts, scopes(k.Name, namespace))
	if _, err := b.exec(ctx, insertTexts, texts...); err != nil {
		return err
	}
	labels, _ := o.at("metadata", "labels").(map[string]any)
	keys := make([]string, 0, len(labels))
	for key := range labels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		value, _ := labels[key].(string)
		if _, err := b.exec(ctx, `INSERT INTO c_labels VALUES (?, ?, ?, ?, ?, ?)`, id, k.Name, namespace, name, key, value); err != nil {
			return err
		}
	}
	for _, one := range list(o, "status", "conditions") {
		m, _ := one.(map[string]any)
		if m == nil {
			continue
		}
		if _, err := b.exec(ctx, `INSERT INTO c_conditions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, id, k.Name, namespace, name,
			asText(m["type"]), asText(m["status"]), asText(m["reason"]), asText(m["message"]), asText(m["lastTransitionTime"])); err != nil {
			return err
		}
	}
	return b.putMessages(ctx, k, id, byName, o)
}
