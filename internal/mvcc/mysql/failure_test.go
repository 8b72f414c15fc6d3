package mysql

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// ownServer starts a server for a test that harms or configures it.
func ownServer(t *testing.T, opts sqltest.MariaDBOptions) *sqltest.MariaDBServer {
	t.Helper()
	opts.Own = true
	s, err := sqltest.StartMariaDB(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// localDatabase is a database reached over TCP, as a proxy needs it.
func localDatabase(t *testing.T) database.Config {
	t.Helper()
	cfg := server.Database(t)
	if cfg.DSNFile != "" {
		cfg = ownServer(t, sqltest.MariaDBOptions{}).Database(t)
	}
	cfg.TLS.Mode = database.TLSDisable
	return cfg
}

// putBatch creates one key on top of a position.
func putBatch(at mvcc.Position, key, value string) *mvcc.Batch {
	return &mvcc.Batch{ID: rand.Int64(), Base: at, Commits: []*mvcc.Commit{{Revision: at.Revision + 1, Time: time.Now(), Events: []mvcc.Event{{
		KV: &mvcc.KeyValue{Key: []byte(key), Value: []byte(value), CreateRevision: at.Revision + 1, ModRevision: at.Revision + 1, Version: 1},
	}}}}}
}

func positionOf(t *testing.T, e *Engine) mvcc.Position {
	t.Helper()
	r, err := e.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.Position
}

// commitNext commits a key on top of whatever there is.
func commitNext(t *testing.T, e *Engine, key string) {
	t.Helper()
	if err := e.Commit(t.Context(), putBatch(positionOf(t, e), key, "v")); err != nil {
		t.Fatal(err)
	}
}

// TestKilledServer: a server that is killed again and again under a writer loses
// nothing acknowledged and keeps nothing refused; unknown outcomes are found out.
func TestKilledServer(t *testing.T) {
	s := ownServer(t, sqltest.MariaDBOptions{})
	cfg := s.Database(t)
	cfg.Timeout = 2 * time.Second
	e := open(t, cfg)
	defer e.Close()
	w := &survivor{engine: e, at: mvcc.Position{Revision: 1}, want: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for i := 0; ctx.Err() == nil; i++ {
			w.write(t.Context(), fmt.Sprint("k", i))
		}
	}()
	for range 5 {
		time.Sleep(time.Duration(100+rand.IntN(200)) * time.Millisecond)
		s.Kill()
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(100 * time.Millisecond)
	stop()
	<-writing
	t.Logf("%d keys, %d outcomes unknown, %d refusals", len(w.want), w.unknown, w.down)
	if w.unknown+w.down < 5 {
		t.Errorf("the writer noticed %d of 5 crashes", w.unknown+w.down)
	}
	w.check(t)
}

// survivor writes whatever happens, and knows what must be there.
type survivor struct {
	engine        *Engine
	at            mvcc.Position
	want          map[string]bool
	unknown, down int
}

func (w *survivor) write(ctx context.Context, key string) {
	b := putBatch(w.at, key, "v")
	err := w.engine.Commit(ctx, b)
	switch {
	case err == nil:
		w.at.Revision++
		w.want[key] = true
		return
	case errors.Is(err, mvcc.ErrUnknownOutcome):
		w.unknown++
		there, err := w.engine.Settle(ctx, b)
		for err != nil {
			time.Sleep(20 * time.Millisecond)
			there, err = w.engine.Settle(ctx, b)
		}
		w.want[key] = there
	default:
		w.down++
		w.want[key] = false
		time.Sleep(20 * time.Millisecond)
	}
	for {
		r, err := w.engine.Read(ctx)
		if err == nil {
			w.at = r.Position
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (w *survivor) check(t *testing.T) {
	t.Helper()
	have := map[string]bool{}
	st, err := w.engine.Load(t.Context(), func(kv *mvcc.KeyValue) error { have[string(kv.Key)] = true; return nil })
	if err != nil || st.Position != w.at {
		t.Fatalf("%+v, %v; want %+v", st.Position, err, w.at)
	}
	for key, there := range w.want {
		if have[key] != there {
			t.Errorf("%s is there: %t, want %t", key, have[key], there)
		}
	}
	next := int64(1)
	if _, err := w.engine.Events(t.Context(), 1, w.at.Revision, 1<<30, func(c *mvcc.Commit) error {
		if next++; c.Revision != next {
			return fmt.Errorf("revision %d, want %d", c.Revision, next)
		}
		return nil
	}); err != nil || next != w.at.Revision {
		t.Errorf("the log ends at %d, %v; want %d", next, err, w.at.Revision)
	}
}

// TestCutConnection: what is lost on the way to the server or back is unknown,
// and then found out; in a turn as well.
func TestCutConnection(t *testing.T) {
	t.Parallel()
	cfg := localDatabase(t)
	p := sqltest.StartProxy(t, &cfg)
	cfg.Timeout = time.Second
	e := open(t, cfg)
	defer e.Close()
	for _, inTurn := range []bool{false, true} {
		for _, tc := range []struct {
			act         sqltest.Meddling
			least, most int64 // revisions written
		}{
			{sqltest.CutRequest, 0, 0},
			{sqltest.LoseReplies, 1, 1},
			// The server may or may not get as far as the commit.
			{sqltest.CutReply, 0, 1},
		} {
			commitNext(t, e, "before")
			at := positionOf(t, e)
			b := putBatch(at, "marker-key", "v")
			p.Meddle(tc.act, "marker-key")
			var err error
			if inTurn {
				err = e.InTurn(t.Context(), func(context.Context, mvcc.Position) (*mvcc.Batch, error) { return b, nil })
			} else {
				err = e.Commit(t.Context(), b)
			}
			if !errors.Is(err, mvcc.ErrUnknownOutcome) {
				t.Fatalf("in turn %t, %d: got %v, want an unknown outcome", inTurn, tc.act, err)
			}
			there, err := e.Settle(t.Context(), b)
			wrote := positionOf(t, e).Revision - at.Revision
			if err != nil || there != (wrote == 1) || wrote < tc.least || wrote > tc.most {
				t.Fatalf("in turn %t, %d: there %t, %v, with %d revisions written; want %d to %d", inTurn, tc.act, there, err, wrote, tc.least, tc.most)
			}
			commitNext(t, e, "after")
		}
	}
}

// TestCutBeforeTheCommit: a connection lost before the packet with the COMMIT has
// been sent leaves no doubt.
func TestCutBeforeTheCommit(t *testing.T) {
	t.Parallel()
	cfg := localDatabase(t)
	p := sqltest.StartProxy(t, &cfg)
	e := open(t, cfg)
	defer e.Close()
	commitNext(t, e, "before")
	at := positionOf(t, e)
	b := putBatch(at, "marker-key", "v")
	for i := range 20 {
		more := putBatch(mvcc.Position{Revision: at.Revision + int64(i) + 1}, fmt.Sprint("k", i), string(make([]byte, 1000)))
		b.Commits = append(b.Commits, more.Commits...)
	}
	e.maxPacket.Store(packetMargin + 3000)
	p.Meddle(sqltest.CutRequest, "marker-key")
	if err := e.Commit(t.Context(), b); err == nil || errors.Is(err, mvcc.ErrUnknownOutcome) || errors.Is(err, mvcc.ErrMoved) {
		t.Fatalf("got %v, want that nothing was written", err)
	}
	if now := positionOf(t, e); now != at {
		t.Fatalf("at %+v, want %+v", now, at)
	}
	e.maxPacket.Store(packetMargin + 3000)
	if err := e.Commit(t.Context(), b); err != nil { // in many packets
		t.Fatal(err)
	}
	if now := positionOf(t, e); now.Revision != at.Revision+21 {
		t.Fatalf("at %+v", now)
	}
}

// TestLateBatch: a batch that reaches the server after Settle takes no effect.
func TestLateBatch(t *testing.T) {
	t.Parallel()
	cfg := localDatabase(t)
	p := sqltest.StartProxy(t, &cfg)
	cfg.Timeout = time.Second
	e := open(t, cfg)
	defer e.Close()
	commitNext(t, e, "k")
	at := positionOf(t, e)
	b := putBatch(at, "marker-key", "late")
	p.Meddle(sqltest.Hold, "marker-key")
	if err := e.Commit(t.Context(), b); !errors.Is(err, mvcc.ErrUnknownOutcome) {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	release := <-p.Held
	if there, err := e.Settle(t.Context(), b); err != nil || there {
		t.Fatalf("there %t, %v", there, err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	<-p.Answered
	if now := positionOf(t, e); now.Revision != at.Revision {
		t.Errorf("revision %d after %d: the late batch took effect", now.Revision, at.Revision)
	}
	commitNext(t, e, "after")
}

// TestHungServer: a server that says nothing is given up in bounded time, and used
// again when it answers.
func TestHungServer(t *testing.T) {
	s := ownServer(t, sqltest.MariaDBOptions{})
	cfg := s.Database(t)
	cfg.Timeout = time.Second
	e := open(t, cfg)
	defer e.Close()
	commitNext(t, e, "k")
	at := positionOf(t, e)
	b := putBatch(at, "hung", "v")
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	commitErr := e.Commit(t.Context(), b)
	_, readErr := e.Read(t.Context())
	_, settleErr := e.Settle(t.Context(), b)
	_, eventsErr := e.Events(t.Context(), 1, 2, 1, func(*mvcc.Commit) error { return nil })
	turnErr := e.InTurn(t.Context(), func(context.Context, mvcc.Position) (*mvcc.Batch, error) { return nil, nil })
	took := time.Since(begin)
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(commitErr, mvcc.ErrUnknownOutcome) || readErr == nil || settleErr == nil || eventsErr == nil || turnErr == nil {
		t.Errorf("got %v, %v, %v, %v, %v", commitErr, readErr, settleErr, eventsErr, turnErr)
	}
	if took > 20*time.Second {
		t.Errorf("five calls took %s", took)
	}
	deadline := time.Now().Add(30 * time.Second)
	there, err := e.Settle(t.Context(), b)
	for err != nil && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
		there, err = e.Settle(t.Context(), b)
	}
	now := positionOf(t, e)
	if err != nil || there != (now.Revision == at.Revision+1) {
		t.Fatalf("there %t at %+v, %v", there, now, err)
	}
	commitNext(t, e, "after")
}

// TestRefusals: an error of the server's before the commit is no unknown outcome, and
// leaves the connection of use.
func TestRefusals(t *testing.T) {
	t.Parallel()
	e := open(t, server.Database(t))
	defer e.Close()
	commitNext(t, e, "k")
	at := positionOf(t, e)
	// The row is there already, as only a damaged database has it.
	if _, err := e.pruner.ExecContext(t.Context(), "INSERT INTO ark_log (id,`key`,created,version,lease,prev,at,batch) VALUES (?,'x',0,0,0,0,0,0)", (at.Revision+1)*positions); err != nil {
		t.Fatal(err)
	}
	err := e.Commit(t.Context(), putBatch(at, "y", "v"))
	if number(err) != errDuplicate || errors.Is(err, mvcc.ErrUnknownOutcome) || errors.Is(err, mvcc.ErrMoved) {
		t.Errorf("got %v", err)
	}
	if now := positionOf(t, e); now != at {
		t.Errorf("at %+v, want %+v", now, at)
	}
	if open := e.writer.Stats().OpenConnections; open != 1 {
		t.Errorf("%d connections", open)
	}
	if _, err := e.pruner.ExecContext(t.Context(), "DELETE FROM ark_log WHERE id>?", at.Revision*positions); err != nil {
		t.Fatal(err)
	}
	commitNext(t, e, "z")
}
