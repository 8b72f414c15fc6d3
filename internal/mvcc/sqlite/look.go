package sqlite

import (
	"context"
	"path/filepath"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
)

// Look returns what there is to know about a database, also while a server runs on it, and changes
// nothing. Its error is what would keep a start from using the database: another user's files, a
// structure that is damaged, writes that the marks know and the database lacks (LossError). Rows
// are not read: Check does that.
func Look(ctx context.Context, path, secondMark string) (f database.Facts, err error) {
	if path, err = usable(path); err != nil {
		return f, err
	}
	var marks []remembered
	for _, p := range markPaths(path, secondMark) {
		if m, err := mark.Read(p); err == nil {
			marks = append(marks, remembered{m, filepath.Base(p)})
		}
	}
	have := finding{}
	f.Schema.Known = len(ours.Migrations)
	f.Bytes = fileSize(path) + fileSize(path+"-wal")
	if fileSize(path) > 0 {
		if have, err = readFacts(ctx, path, &f); err != nil {
			return f, explain(err)
		}
	}
	if losses := have.losses(path, marks); len(losses) > 0 {
		return f, losses[0]
	}
	return f, nil
}

// readFacts reads the file itself, in one transaction.
func readFacts(ctx context.Context, path string, f *database.Facts) (have finding, err error) {
	conn, err := connectReadOnly(ctx, path)
	if err != nil {
		return have, err
	}
	defer func() { _ = conn.close() }() // it only reads
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return have, err
	}
	if f.Schema, err = ours.Status(ctx, migrator{conn.Conn}); err != nil || f.Schema.Version == 0 {
		return have, err
	}
	if err := conn.checkStructure(ctx, path); err != nil {
		return have, err
	}
	if have, err = conn.find(ctx); err != nil {
		return have, err
	}
	f.Revision = have.revision
	if err := conn.QueryRowContext(ctx, "SELECT 'SQLite ' || sqlite_version()").Scan(&f.Product); err != nil {
		return have, err
	}
	return have, conn.QueryRowContext(ctx, "SELECT count(*) FROM lease").Scan(&f.Leases)
}
