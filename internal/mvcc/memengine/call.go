package memengine

import (
	"context"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Op names a request to the database.
type Op string

const (
	OpLoad         Op = "load"      // takes the snapshot that Load reads
	OpLoadPage     Op = "load page" // passes on a part of it
	OpCommit       Op = "commit"
	OpState        Op = "state"
	OpAuthors      Op = "authors"
	OpEvents       Op = "events" // one page; Events sends as many as it needs
	OpPrune        Op = "prune"
	OpSize         Op = "size"
	OpRead         Op = "read"
	OpFind         Op = "find"
	OpTurn         Op = "turn"        // waits for the counter
	OpSay          Op = "say"         // keeps the session of a turn
	OpTurnCommit   Op = "turn commit" // ends a turn with a batch
	OpSettle       Op = "settle"
	OpLeaseChanges Op = "lease changes"
	OpAwait        Op = "await"
	OpMaintain     Op = "maintain"
	OpResign       Op = "resign"
	OpSideCommit   Op = "side commit"
	OpSideSettle   Op = "side settle"
	OpSidePage     Op = "side page"
	OpSideCount    Op = "side count"
	OpSideFind     Op = "side find"
)

// Call describes a request. Batch is set for OpCommit, OpTurnCommit and OpSettle. After and Last
// bound OpEvents, OpAuthors and OpPrune; After is also that of OpLeaseChanges. Side is set for
// OpSideCommit and OpSideSettle.
type Call struct {
	Op          Op
	Batch       *mvcc.Batch
	Side        *mvcc.SideBatch
	After, Last int64
}

func (c Call) String() string {
	switch {
	case c.Batch != nil:
		b := c.Batch
		return fmt.Sprintf("%s at %d/%d: %d revisions, %d leases, %d revoked, compacted %d",
			c.Op, b.Base.Revision, b.Base.Change, len(b.Commits), len(b.Leases), len(b.RevokedLeases), b.Compacted)
	case c.Side != nil:
		return fmt.Sprintf("%s %d: %d ops", c.Op, c.Side.Sequence, len(c.Side.Ops))
	case c.Last > 0:
		return fmt.Sprintf("%s after %d up to %d", c.Op, c.After, c.Last)
	}
	return string(c.Op)
}

// Intercept stands between an engine and its database. It is called in the goroutine that makes
// the request, with ctx the caller's. do carries the request out; it may be called once, also
// after Intercept has returned. What Intercept returns is the engine's answer.
type Intercept func(ctx context.Context, c Call, do func() error) error

// Fault is what becomes of one request.
type Fault func(ctx context.Context, do func() error) error

var (
	// ErrCut is a broken connection: nothing has happened.
	ErrCut = errors.New("connection to the database lost")
	// errLost is a broken connection after a transaction was sent.
	errLost = fmt.Errorf("%w: %w", mvcc.ErrUnknownOutcome, ErrCut)
)

// Carry carries the request out.
func Carry(_ context.Context, do func() error) error { return do() }

// Refuse breaks the connection before the request is sent.
func Refuse(context.Context, func() error) error { return ErrCut }

// LoseRequest breaks the connection so that a transaction never arrives, which the replica cannot
// tell from LoseReply. A session that holds the counter is left with it.
func LoseRequest(context.Context, func() error) error { return errLost }

// LoseReply carries a transaction out, and breaks the connection instead of answering.
func LoseReply(_ context.Context, do func() error) error {
	if err := do(); err != nil {
		return err
	}
	return errLost
}

// Delay breaks the connection at once; the transaction arrives when released is called, which
// returns what became of it.
func Delay() (f Fault, released func() error) {
	late := make(chan func() error, 1)
	f = func(_ context.Context, do func() error) error {
		late <- do
		return errLost
	}
	return f, func() error { return (<-late)() }
}

// Hold keeps the request back until release is closed or the caller gives up.
func Hold(release <-chan struct{}) Fault {
	return func(ctx context.Context, do func() error) error {
		select {
		case <-release:
			return do()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// HoldReply carries the request out at once, and keeps the reply back until release is closed or
// the caller gives up.
func HoldReply(release <-chan struct{}) Fault {
	return func(ctx context.Context, do func() error) error {
		err := do()
		select {
		case <-release:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
