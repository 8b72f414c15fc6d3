package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
)

// BenchmarkInsert compares ways to write a batch of so many revisions, each of which
// creates a key of about 1 KiB of JSON; fsync on. The first is the engine's.
func BenchmarkInsert(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		for _, way := range []struct {
			name  string
			write func(*inserter, *mvcc.Batch) error
		}{
			{"one packet", (*inserter).onePacket},
			{"counter first", (*inserter).counterFirst},
			{"prepared rows", (*inserter).preparedRows},
			{"prepared row by row", (*inserter).preparedOne},
			{"JSON_TABLE", (*inserter).jsonTable},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, way.name), func(b *testing.B) {
				in := newInserter(b, n)
				// On a machine that does other things too, time says little and
				// processor time a lot.
				serverBegan, began := in.serverTime(b), ownTime(b)
				for b.Loop() {
					if err := way.write(in, in.next()); err != nil {
						b.Fatal(err)
					}
				}
				revisions := float64(b.N * n)
				b.ReportMetric(revisions/b.Elapsed().Seconds(), "revisions/s")
				b.ReportMetric(float64((in.serverTime(b)-serverBegan).Microseconds())/revisions, "server-µs/revision")
				b.ReportMetric(float64((ownTime(b)-began).Microseconds())/revisions, "client-µs/revision")
			})
		}
	}
}

// serverTime is the processor time that the server has taken, if it runs here.
func (in *inserter) serverTime(b *testing.B) time.Duration {
	var path string
	if err := in.conn.QueryRowContext(in.ctx, "SELECT @@pid_file").Scan(&path); err != nil {
		b.Fatal(err)
	}
	pid, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", strings.TrimSpace(string(pid))))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // ticks, everywhere on Linux
}

func ownTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type inserter struct {
	ctx       context.Context
	engine    *Engine
	conn      *sql.Conn
	n         int
	at        mvcc.Position
	value     []byte
	logRows   *sql.Stmt // of n rows
	stateRows *sql.Stmt
	logRow    *sql.Stmt
	stateRow  *sql.Stmt
}

const (
	logMarks   = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	stateMarks = "(?,?)"
)

func newInserter(b *testing.B, n int) *inserter {
	b.Helper()
	e, err := Open(b.Context(), server.Database(b), quiet)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	in := &inserter{ctx: b.Context(), engine: e, n: n, at: mvcc.Position{Revision: 1}}
	in.value = []byte(`{"metadata":{"name":"q","labels":{` + strings.Repeat(`"ark.mckinsey.com/label":"it's a value","x":"y",`, 20) + `"z":""}}}`)
	// The driver interpolates unless a statement is prepared.
	if in.conn, err = e.writer.Conn(b.Context()); err != nil {
		b.Fatal(err)
	}
	for into, text := range map[**sql.Stmt]string{
		&in.logRows:   insertLog.head + strings.TrimSuffix(strings.Repeat(logMarks+",", n), ","),
		&in.stateRows: moveState.head + strings.TrimSuffix(strings.Repeat(stateMarks+",", n), ",") + " ON DUPLICATE KEY UPDATE id=VALUES(id)",
		&in.logRow:    insertLog.head + logMarks,
		&in.stateRow:  moveState.head + stateMarks + " ON DUPLICATE KEY UPDATE id=VALUES(id)",
	} {
		if *into, err = in.conn.PrepareContext(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	return in
}

func (in *inserter) next() *mvcc.Batch {
	batch := &mvcc.Batch{ID: rand.Int64(), Base: in.at}
	for range in.n {
		in.at.Revision++
		batch.Commits = append(batch.Commits, &mvcc.Commit{Revision: in.at.Revision, Time: time.Now(),
			Actor: mvcc.Actor{User: "system:serviceaccount:ark:controller", UserAgent: "ark-controller/v0.1", Verb: "create"},
			Events: []mvcc.Event{{KV: &mvcc.KeyValue{Key: fmt.Appendf(nil, "/registry/ark.mckinsey.com/queries/default/q%012d", in.at.Revision),
				Value: in.value, CreateRevision: in.at.Revision, ModRevision: in.at.Revision, Version: 1}}}})
	}
	return batch
}

func (in *inserter) onePacket(b *mvcc.Batch) error {
	s := newScript(int(in.engine.maxPacket.Load()))
	s.text(startTransaction)
	s.batch(b)
	return in.engine.send(in.ctx, in.conn, s)
}

// counterFirst waits for the counter's answer before it sends the rows.
func (in *inserter) counterFirst(b *mvcc.Batch) error {
	if err := in.counter(b); err != nil {
		return err
	}
	s := newScript(int(in.engine.maxPacket.Load()))
	s.log(b)
	s.state(b)
	return in.engine.send(in.ctx, in.conn, s)
}

func (in *inserter) counter(b *mvcc.Batch) error {
	_, err := in.conn.ExecContext(in.ctx, fmt.Sprintf("START TRANSACTION; UPDATE ark_counter SET revision=%d WHERE one=1 AND revision=%d", in.at.Revision, b.Base.Revision))
	return err
}

// args are the columns of a batch's rows.
func args(b *mvcc.Batch) (log, state []any) {
	for _, c := range b.Commits {
		kv := c.Events[0].KV
		id := rows.ID(c.Revision, 0)
		log = append(log, id, kv.Key, kv.Value, id, kv.Version, 0, 0, c.Time.UnixMilli(), b.ID, c.Actor.User, nil, nil, c.Actor.UserAgent, nil, nil, c.Actor.Verb)
		state = append(state, id, id)
	}
	return log, state
}

func (in *inserter) preparedRows(b *mvcc.Batch) error {
	if err := in.counter(b); err != nil {
		return err
	}
	log, state := args(b)
	if _, err := in.logRows.ExecContext(in.ctx, log...); err != nil {
		return err
	}
	if _, err := in.stateRows.ExecContext(in.ctx, state...); err != nil {
		return err
	}
	_, err := in.conn.ExecContext(in.ctx, "COMMIT")
	return err
}

func (in *inserter) preparedOne(b *mvcc.Batch) error {
	if err := in.counter(b); err != nil {
		return err
	}
	log, state := args(b)
	for i := range in.n {
		if _, err := in.logRow.ExecContext(in.ctx, log[i*16:(i+1)*16]...); err != nil {
			return err
		}
		if _, err := in.stateRow.ExecContext(in.ctx, state[i*2:(i+1)*2]...); err != nil {
			return err
		}
	}
	_, err := in.conn.ExecContext(in.ctx, "COMMIT")
	return err
}

// jsonTable sends the rows as one JSON text, in one packet too.
func (in *inserter) jsonTable(b *mvcc.Batch) error {
	type row struct {
		I, At, Batch int64
		K, V, U, A   string
		W            string
	}
	var list []row
	for _, c := range b.Commits {
		kv := c.Events[0].KV
		list = append(list, row{rows.ID(c.Revision, 0), c.Time.UnixMilli(), b.ID, base64.StdEncoding.EncodeToString(kv.Key),
			base64.StdEncoding.EncodeToString(kv.Value), c.Actor.User, c.Actor.UserAgent, c.Actor.Verb})
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	literal := string(quote(nil, text))
	_, err = in.conn.ExecContext(in.ctx, fmt.Sprintf(`START TRANSACTION; UPDATE ark_counter SET revision=%d WHERE one=1 AND revision=%d;
		INSERT INTO ark_log SELECT i,FROM_BASE64(k),FROM_BASE64(v),i,1,0,0,at,batch,u,NULL,NULL,a,NULL,NULL,w FROM JSON_TABLE(CONVERT(%s USING utf8mb4),'$[*]' COLUMNS
			(i BIGINT PATH '$.I', at BIGINT PATH '$.At', batch BIGINT PATH '$.Batch', k LONGTEXT PATH '$.K', v LONGTEXT PATH '$.V', u TEXT PATH '$.U', a TEXT PATH '$.A', w TEXT PATH '$.W')) j;
		INSERT INTO ark_state SELECT i,i FROM JSON_TABLE(CONVERT(%s USING utf8mb4),'$[*]' COLUMNS (i BIGINT PATH '$.I')) j ON DUPLICATE KEY UPDATE id=VALUES(id); COMMIT`,
		in.at.Revision, b.Base.Revision, literal, literal))
	return err
}
