package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Version is the record of one version of an object in the history.
type Version struct {
	Resource, Namespace, Name, UID string
	Revision, Generation           int64
	Verb, User, Groups             string // Groups is a list as JSON
	Impersonator, UserAgent        string
	FieldManager, AuditID, Cause   string
	StatusOnly, Deleted            bool
	Time                           time.Time
	// Object is the last state of a deleted object; nil for other versions, and if it cannot be
	// decoded.
	Object []byte
}

// Past is the history that the model copies.
type Past interface {
	// Versions returns versions after a revision, oldest first, and the revision up to which they are
	// complete. It returns all versions of a revision or none.
	Versions(ctx context.Context, after int64, limit int) (versions []Version, through int64, err error)
}

const (
	// pastPage is how many versions are read and written at once.
	pastPage = 500
	// pastGather is how long versions are collected.
	pastGather = 5 * time.Second
	// compareEvery is the interval at which the versions in the model are compared with those in the
	// history, because retention and purges of other servers remove versions.
	compareEvery = time.Hour
	// mostOfFile is the percentage of the file's bound that versions may use together with the
	// objects. The oldest versions are removed first.
	mostOfFile = 80
)

// runPast follows the history until the context ends.
func (m *Model) runPast(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.followPast(ctx)
		if ctx.Err() != nil {
			return
		}
		slog.Warn("the read model cannot follow the history; trying again", "path", m.path, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (m *Model) followPast(ctx context.Context) error {
	every := time.NewTicker(compareEvery)
	defer every.Stop()
	changed, builds := int64(-1), -1
	var last time.Time // when catchUp last ended
	hurry := false
	for {
		moved := *m.moved.Load()
		now := m.status.Load()
		behind := now.Changed != changed || now.Rebuilds != builds
		gather := pastGather - time.Since(last)
		if hurry || behind && gather <= 0 {
			hurry, changed, builds = false, now.Changed, now.Rebuilds
			if err := m.catchUp(ctx); err != nil {
				return err
			}
			last = time.Now()
			continue
		}
		var gathered <-chan time.Time
		if behind { // new versions are collected for a while
			moved, gathered = nil, time.After(gather)
		}
		select {
		case <-moved:
		case <-gathered:
		case <-m.hurryPast:
			hurry = true
		case <-m.forget:
			if err := m.compare(ctx); err != nil {
				return err
			}
		case <-every.C:
			if err := m.compare(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pastCheckpoint returns the revision up to which versions are in the model.
func pastCheckpoint(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (at int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'past'`).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return at, err
}

// catchUp copies the versions after the checkpoint.
func (m *Model) catchUp(ctx context.Context) error {
	builds := m.status.Load().Rebuilds
	for {
		at, err := pastCheckpoint(ctx, m.db)
		if err != nil {
			return fmt.Errorf("read how far the versions are: %w", err)
		}
		versions, through, err := m.past.Versions(ctx, at, pastPage)
		if err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
		none := len(versions) == 0
		written, err := m.writePast(ctx, at, versions, through)
		if err != nil {
			return err
		}
		if !written {
			continue // the model was rebuilt, and lacks all versions
		}
		if none || through >= m.status.Load().Revision {
			m.setStatus(func(s *Status) {
				if s.Rebuilds == builds { // otherwise it lacks them again, and runPast repeats
					s.Past = max(s.Past, through)
				}
			})
			return nil
		}
	}
}

// writePast writes versions and the checkpoint in one transaction, and reports whether it did. It
// does not if the model was rebuilt since they were read.
func (m *Model) writePast(ctx context.Context, at int64, versions []Version, through int64) (bool, error) {
	if err := m.awaitRoom(ctx); err != nil {
		return false, err
	}
	b, err := m.begin(ctx)
	if err != nil {
		return false, err
	}
	defer b.rollback()
	if now, err := pastCheckpoint(ctx, b.tx); err != nil || now != at {
		return false, err
	}
	versions = slices.DeleteFunc(versions, func(v Version) bool { _, known := m.kinds[v.Resource]; return !known })
	if err := b.putVersions(ctx, versions); err != nil {
		return false, fmt.Errorf("write versions: %w", err)
	}
	for _, v := range versions {
		if o, ok := decode(v.Object); v.Deleted && ok {
			k := m.kinds[v.Resource]
			if err := b.putDeleted(ctx, k, v, o); err != nil {
				return false, fmt.Errorf("write the deleted %s %s/%s: %w", k.Name, v.Namespace, v.Name, err)
			}
		}
	}
	if _, err := b.tx.ExecContext(ctx, `INSERT INTO meta VALUES ('past', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value`, through); err != nil {
		return false, err
	}
	if err := b.boundPast(ctx); err != nil {
		return false, err
	}
	return true, b.tx.Commit()
}

// versionRows is how many versions one statement writes, if there are that many.
const versionRows = 20

var (
	putVersion  = `INSERT OR REPLACE INTO c_revisions VALUES ` + versionValues
	putVersions = putVersion + strings.Repeat(", "+versionValues, versionRows-1)
)

const versionValues = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// putVersions writes the versions whose kinds are known.
func (b *batch) putVersions(ctx context.Context, versions []Version) error {
	for len(versions) > 0 {
		n, statement := 1, putVersion
		if len(versions) >= versionRows {
			n, statement = versionRows, putVersions
		}
		var values []any
		for _, v := range versions[:n] {
			values = append(values, b.m.kinds[v.Resource].Name, v.Namespace, v.Name, v.UID, v.Revision, v.Generation, v.Verb, asText(v.User),
				asText(v.Groups), asText(v.Impersonator), asText(v.UserAgent), asText(v.FieldManager), asText(v.AuditID), asText(v.Cause),
				asInt(v.StatusOnly), asInt(v.Deleted), v.Time.UTC().Format(time.RFC3339))
		}
		if _, err := b.exec(ctx, statement, values...); err != nil {
			return err
		}
		versions = versions[n:]
	}
	return nil
}

func asInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// putDeleted makes a deleted object searchable, if it was not recreated. Its life is the revision
// that deleted it.
func (b *batch) putDeleted(ctx context.Context, k Kind, v Version, o object) error {
	byName := map[string]any{}
	for _, c := range k.Columns {
		if c.read != nil {
			byName[c.Name] = c.read(o)
		}
	}
	byName["namespace"], byName["name"] = v.Namespace, v.Name
	result, err := b.exec(ctx, `INSERT INTO objects(kind, namespace, name, life, created_at, phase, agent) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		k.Name, v.Namespace, v.Name, v.Revision, byName["created_at"], byName["phase"], k.agent(byName))
	if err != nil {
		return err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return err
	}
	kept, index := []any{id, v.Revision, asText(v.UID)}, []any{id, words(v.Name)}
	for _, column := range k.Texts() {
		text, _ := byName[column].(string)
		kept, index = append(kept, text), append(index, words(text))
	}
	if _, err := b.exec(ctx, `INSERT INTO deleted(id, revision, uid, description, input, output) VALUES (?, ?, ?, ?, ?, ?)`, kept...); err != nil {
		return err
	}
	_, err = b.exec(ctx, insertTexts, append(index, scopes(k.Name, v.Namespace))...)
	return err
}

// removeOrphans removes deleted objects whose deletion is not a version in the model.
func (b *batch) removeOrphans(ctx context.Context) error {
	const orphans = `(SELECT d.id FROM deleted d WHERE NOT EXISTS (SELECT 1 FROM c_revisions r WHERE r.revision = d.revision AND r.deleted = 1))`
	for _, statement := range []string{`DELETE FROM fts WHERE rowid IN `, `DELETE FROM objects WHERE id IN `, `DELETE FROM deleted WHERE id IN `} {
		if _, err := b.tx.ExecContext(ctx, statement+orphans); err != nil {
			return err
		}
	}
	return nil
}

// boundPast removes the oldest versions if the file is close to its bound.
func (b *batch) boundPast(ctx context.Context) error {
	if b.m.most <= 0 {
		return nil
	}
	var pages, free, rows int64
	for query, to := range map[string]*int64{`PRAGMA page_count`: &pages, `PRAGMA freelist_count`: &free, `SELECT count(*) FROM c_revisions`: &rows} {
		if err := b.tx.QueryRowContext(ctx, query).Scan(to); err != nil {
			return err
		}
	}
	if (pages-free)*pageBytes*100 < b.m.most*mostOfFile {
		return nil
	}
	if _, err := b.tx.ExecContext(ctx, `DELETE FROM c_revisions WHERE revision IN (SELECT revision FROM c_revisions ORDER BY revision LIMIT ?)`, max(rows/5, 1)); err != nil {
		return err
	}
	return b.removeOrphans(ctx)
}

// Forget starts a comparison of the model with the history at once. It removes versions that are no
// longer in the history, and the deleted objects that belong to them.
func (m *Model) Forget() {
	select {
	case m.forget <- struct{}{}:
	default: // already signaled
	}
}

// compare removes versions that are no longer in the history.
func (m *Model) compare(ctx context.Context) error {
	end, err := pastCheckpoint(ctx, m.db)
	if err != nil {
		return err
	}
	for at := int64(0); at < end; {
		versions, through, err := m.past.Versions(ctx, at, pastPage)
		if err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
		through = min(through, end)
		if err := m.removeMissing(ctx, at, through, versions); err != nil {
			return err
		}
		if at = through; len(versions) == 0 {
			at = end
		}
	}
	m.setStatus(func(s *Status) { s.Compared++ })
	return nil
}

// removeMissing removes the versions in a range of revisions that are not in the given list.
func (m *Model) removeMissing(ctx context.Context, after, through int64, there []Version) error {
	kept := map[int64]bool{}
	for _, v := range there {
		kept[v.Revision] = true
	}
	b, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer b.rollback()
	rows, err := b.tx.QueryContext(ctx, `SELECT DISTINCT revision FROM c_revisions WHERE revision > ? AND revision <= ?`, after, through)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	var gone []int64
	for rows.Next() {
		var revision int64
		if err := rows.Scan(&revision); err != nil {
			return err
		}
		if !kept[revision] {
			gone = append(gone, revision)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(gone) == 0 {
		return nil
	}
	for _, revision := range gone {
		if _, err := b.tx.ExecContext(ctx, `DELETE FROM c_revisions WHERE revision = ?`, revision); err != nil {
			return err
		}
	}
	if err := b.removeOrphans(ctx); err != nil {
		return err
	}
	return b.tx.Commit()
}

// WaitForPast waits until the model has the history up to a revision, but at most for some time,
// and reports whether it has.
func (m *Model) WaitForPast(ctx context.Context, revision int64, most time.Duration) bool {
	if m.past == nil {
		return true
	}
	timeout := time.NewTimer(most)
	defer timeout.Stop()
	for {
		moved := *m.moved.Load()
		if m.status.Load().Past >= revision {
			return true
		}
		select {
		case m.hurryPast <- struct{}{}:
		default: // already signaled
		}
		select {
		case <-moved:
		case <-timeout.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
