package sqlite

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/mckinsey/ark-server/internal/mvcc/mark"
)

// Finding is one thing that Check has looked at.
type Finding struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
	// Remedy is what helps. Fix is for those words in which the program puts it.
	Remedy Remedy `json:"-"`
	Fix    string `json:"fix,omitempty"`
	// Store is what the remedy AcceptLoss accepts the loss of.
	Store mark.StoreID `json:"-"`
}

// Remedy is what helps against a Finding.
type Remedy int

const (
	// NoRemedy is for what is as it should be.
	NoRemedy Remedy = iota
	// RestoreBackup is to restore a backup.
	RestoreBackup
	// AcceptLoss is to put back what was removed or replaced, to restore a backup, or to go on
	// without: Options.AcceptDataLoss.
	AcceptLoss
	// StartServer is to start a server, which writes what is missing.
	StartServer
)

// Report is what Check has found.
type Report struct {
	Store    string    `json:"store,omitempty"`
	Revision int64     `json:"revision"`
	Rows     int64     `json:"rows"`
	Findings []Finding `json:"items"`
}

// OK reports whether there is no damage.
func (r *Report) OK() bool {
	for _, f := range r.Findings {
		if !f.OK {
			return false
		}
	}
	return true
}

func (r *Report) add(name string, ok bool, format string, args ...any) {
	f := Finding{Name: name, OK: ok, Message: fmt.Sprintf(format, args...)}
	if !ok {
		f.Remedy = RestoreBackup
	}
	r.Findings = append(r.Findings, f)
}

// Check reads a database from end to end, also while a server runs on it, and changes nothing:
// whether its files belong together and hold what the marks remember, the structure of
// the file, each row against its checksum, and the live keys against the log. An error says that it
// could not look; damage is in the report.
func Check(ctx context.Context, path, secondMark string) (*Report, error) {
	path, err := usable(path)
	if err != nil {
		return nil, err
	}
	paths := markPaths(path, secondMark)
	var marks []remembered
	report := &Report{}
	for _, p := range paths {
		if m, err := mark.Read(p); err == nil {
			marks = append(marks, remembered{m, filepath.Base(p)})
		} else if fileSize(p) > 0 {
			report.Findings = append(report.Findings, Finding{Name: "marks", Message: err.Error(), Remedy: StartServer})
		}
	}
	if fileSize(path) == 0 && fileSize(path+"-wal") == 0 && len(marks) == 0 {
		return nil, fmt.Errorf("there is no database")
	}
	have := finding{}
	var conn *connection
	if fileSize(path) > 0 {
		if conn, err = connectReadOnly(ctx, path); err != nil {
			return nil, explain(err)
		}
		defer func() { _ = conn.close() }() // it only reads
		// One transaction, so that everything is of one moment.
		if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
			return nil, explain(err)
		}
		if have, err = conn.find(ctx); err != nil {
			report.add("structure", false, "%v", explain(err))
			return report, ctx.Err()
		}
	}
	report.Revision = have.revision
	if have.store != 0 {
		report.Store = have.store.String()
	}
	losses := have.losses(path, marks)
	for _, l := range losses {
		report.Findings = append(report.Findings, Finding{Name: "writes", Message: l.what, Remedy: AcceptLoss, Store: l.Store})
	}
	if len(losses) == 0 {
		report.add("writes", true, "%s holds revision %d, and no mark knows a newer one", filepath.Base(path), have.revision)
	}
	if have.present {
		err = report.read(ctx, conn, have, marks)
	}
	return report, err
}

// read checks what is in the file.
func (r *Report) read(ctx context.Context, conn *connection, have finding, marks []remembered) error {
	rows, err := conn.QueryContext(ctx, "PRAGMA quick_check(20)")
	if err != nil {
		r.add("structure", false, "%v", err)
		return ctx.Err()
	}
	defer rows.Close()
	for rows.Next() {
		var verdict string
		if err := rows.Scan(&verdict); err != nil {
			return err
		}
		r.add("structure", verdict == sound, "%s", verdict)
	}
	if err := rows.Err(); err != nil {
		r.add("structure", false, "%v", err)
		return ctx.Err()
	}
	if have.version < markedVersion {
		r.add("rows", true, "they have no checksums yet: this release adds them when it has started")
		return nil
	}
	v := verifier{pruned: have.pruned}
	err = v.run(ctx, conn, have.revision)
	if err == nil && have.version >= sideVersion {
		err = v.runSide(ctx, conn)
	}
	r.Rows = v.rows + v.sideRows
	for _, bad := range v.damaged {
		r.add("rows", false, "%s", bad.String())
	}
	if v.more > 0 {
		r.add("rows", false, "%d more rows are damaged", v.more)
	}
	if err != nil {
		r.add("rows", false, "%v", err)
		return ctx.Err()
	}
	live := liveKeys{store: have.store, revision: have.revision, n: v.keys, digest: v.digest}
	if err := live.complete(marks); err != nil {
		r.add("keys", false, "%v", err)
	}
	if r.OK() {
		r.add("rows", true, "%d rows, %d of live keys; %d have no checksum yet", v.rows, v.keys, v.bare)
		r.add("side tables", true, "%d rows", v.sideRows)
	}
	return nil
}

// checkRows returns an error for the first damaged rows.
func checkRows(ctx context.Context, db querier, version int) error {
	st, err := readState(ctx, db)
	if err != nil {
		return err
	}
	v := verifier{pruned: st.Pruned}
	if err := v.run(ctx, db, st.Revision); err != nil {
		return err
	}
	if version >= sideVersion {
		if err := v.runSide(ctx, db); err != nil {
			return err
		}
	}
	if len(v.damaged) > 0 {
		return &DamageError{Rows: v.damaged}
	}
	return nil
}
