package mysql

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/enginetest"
	"github.com/mckinsey/ark-server/internal/mvcc/rows"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// ownServer starts a server for a test that harms or configures it.
func ownServer(t *testing.T, opts sqltest.Options) *sqltest.Server {
	t.Helper()
	return sqltest.Own(t, sqltest.StartMySQL, opts)
}

// localDatabase is a database reached over TCP, as a proxy needs it.
func localDatabase(t *testing.T) database.Config {
	t.Helper()
	cfg := server.Database(t)
	if cfg.DSNFile != "" {
		cfg = ownServer(t, sqltest.Options{}).Database(t)
	}
	cfg.TLS.Mode = database.TLSDisable
	return cfg
}

func TestKilledServer(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	cfg := s.Database(t)
	cfg.Timeout = 2 * time.Second
	e := open(t, cfg)
	defer e.Close()
	enginetest.KilledServer(t, s, e)
}

func TestCutConnection(t *testing.T) {
	t.Parallel()
	e, p := proxied(t)
	enginetest.CutConnection(t, p, e, false)
}

// TestCutBeforeTheCommit: a connection lost before the packet with the COMMIT has
// been sent leaves no doubt.
func TestCutBeforeTheCommit(t *testing.T) {
	t.Parallel()
	cfg := localDatabase(t)
	p := sqltest.StartProxy(t, &cfg)
	e := open(t, cfg)
	defer e.Close()
	enginetest.CommitNext(t, e, "before")
	at := enginetest.PositionOf(t, e)
	b := enginetest.PutBatch(at, "marker-key", "v")
	for i := range 20 {
		more := enginetest.PutBatch(mvcc.Position{Revision: at.Revision + int64(i) + 1}, fmt.Sprint("k", i), string(make([]byte, 1000)))
		b.Commits = append(b.Commits, more.Commits...)
	}
	e.maxPacket.Store(packetMargin + 3000)
	p.Meddle(sqltest.CutRequest, "marker-key")
	if err := e.Commit(t.Context(), b); err == nil || errors.Is(err, mvcc.ErrUnknownOutcome) || errors.Is(err, mvcc.ErrMoved) {
		t.Fatalf("got %v, want that nothing was written", err)
	}
	if now := enginetest.PositionOf(t, e); now != at {
		t.Fatalf("at %+v, want %+v", now, at)
	}
	e.maxPacket.Store(packetMargin + 3000)
	if err := e.Commit(t.Context(), b); err != nil { // in many packets
		t.Fatal(err)
	}
	if now := enginetest.PositionOf(t, e); now.Revision != at.Revision+21 {
		t.Fatalf("at %+v", now)
	}
}

func TestLateBatch(t *testing.T) {
	t.Parallel()
	e, p := proxied(t)
	enginetest.LateBatch(t, p, e)
}

// proxied is an engine that reaches its server through a proxy.
func proxied(t *testing.T) (*Engine, *sqltest.Proxy) {
	t.Helper()
	cfg := localDatabase(t)
	p := sqltest.StartProxy(t, &cfg)
	cfg.Timeout = 2 * time.Second
	e := open(t, cfg)
	t.Cleanup(func() { e.Close() })
	return e, p
}

// TestHungServer: a server that says nothing is given up in bounded time, and used
// again when it answers.
func TestHungServer(t *testing.T) {
	s := ownServer(t, sqltest.Options{})
	cfg := s.Database(t)
	cfg.Timeout = 2 * time.Second
	e := open(t, cfg)
	defer e.Close()
	enginetest.CommitNext(t, e, "k")
	at := enginetest.PositionOf(t, e)
	b := enginetest.PutBatch(at, "hung", "v")
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
	if took > time.Minute {
		t.Errorf("five calls took %s", took)
	}
	deadline := time.Now().Add(time.Minute)
	there, err := e.Settle(t.Context(), b)
	for err != nil && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
		there, err = e.Settle(t.Context(), b)
	}
	now := enginetest.PositionOf(t, e)
	if err != nil || there != (now.Revision == at.Revision+1) {
		t.Fatalf("there %t at %+v, %v", there, now, err)
	}
	enginetest.CommitNext(t, e, "after")
}

// TestRefusals: an error of the server's before the commit is no unknown outcome, and
// leaves the connection of use.
func TestRefusals(t *testing.T) {
	t.Parallel()
	e := open(t, server.Database(t))
	defer e.Close()
	enginetest.CommitNext(t, e, "k")
	at := enginetest.PositionOf(t, e)
	// The row is there already, as only a damaged database has it.
	if _, err := e.pruner.ExecContext(t.Context(), "INSERT INTO ark_log (id,`key`,created,version,lease,prev,at,batch) VALUES (?,'x',0,0,0,0,0,0)", rows.ID(at.Revision+1, 0)); err != nil {
		t.Fatal(err)
	}
	err := e.Commit(t.Context(), enginetest.PutBatch(at, "y", "v"))
	if number(err) != errDuplicate || errors.Is(err, mvcc.ErrUnknownOutcome) || errors.Is(err, mvcc.ErrMoved) {
		t.Errorf("got %v", err)
	}
	if now := enginetest.PositionOf(t, e); now != at {
		t.Errorf("at %+v, want %+v", now, at)
	}
	if open := e.writer.Stats().OpenConnections; open != 1 {
		t.Errorf("%d connections", open)
	}
	if _, err := e.pruner.ExecContext(t.Context(), "DELETE FROM ark_log WHERE id>?", rows.ID(at.Revision, 0)); err != nil {
		t.Fatal(err)
	}
	enginetest.CommitNext(t, e, "z")
}
