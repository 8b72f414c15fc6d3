package mvcc_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/memengine"
)

// gate holds every request to the database until the simulation lets it pass, one at a time. So
// the seed alone chooses the order in which things happen.
type gate struct {
	w  *simulation
	mu sync.Mutex
	// parked are the requests that wait, late the transactions whose replica has been told that
	// the connection is lost and which have yet to arrive.
	parked []*parked
	late   []*parked
}

// parked is a request that waits, or its reply.
type parked struct {
	r     *replica
	call  memengine.Call
	by    int  // the operation that it is for, 0 where the store makes it for itself
	reply bool // it has been carried out
	since int  // step
	pass  chan memengine.Fault
	do    func() error // of a late one
}

func (p *parked) String() string {
	s := fmt.Sprintf("%s: %s", p.r, p.call)
	if p.by != 0 {
		s += fmt.Sprintf(" for #%d", p.by)
	}
	if p.reply {
		s += " (reply)"
	}
	return s
}

// commits reports whether losing the reply leaves a transaction's outcome unknown.
func (p *parked) commits() bool {
	return p.call.Op == memengine.OpCommit || p.call.Op == memengine.OpTurnCommit || p.call.Op == memengine.OpSideCommit
}

// intercept is r's memengine.Intercept.
func (r *replica) intercept(ctx context.Context, c memengine.Call, do func() error) error {
	by, _ := ctx.Value(opKey{}).(int)
	p := &parked{r: r, call: c, by: by}
	g := &r.w.gate
	g.count(r, c.Op, 1)
	defer g.count(r, c.Op, -1)
	begin, step := time.Now(), r.w.step()
	f := g.park(ctx, p)
	if c.Op == memengine.OpAwait && !r.cut.Load() {
		f = g.holdReply(p) // a commit that ends it also lets other things happen: one at a time
	}
	err := f(ctx, do)
	if (c.Op == memengine.OpRead || c.Op == memengine.OpFind) && err == nil {
		r.looked(step, time.Since(begin))
	}
	return err
}

// count keeps the number of requests under way that may let an operation end.
func (g *gate) count(r *replica, op memengine.Op, by int) {
	switch op {
	case memengine.OpAwait, memengine.OpMaintain:
		return
	case memengine.OpPrune:
		if g.w.shared {
			return // a store that has its database to itself prunes between two batches
		}
	default:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	r.underWay += by
}

// park waits for what is to become of a request.
func (g *gate) park(ctx context.Context, p *parked) memengine.Fault {
	if p.r.cut.Load() {
		return g.broken(p)
	}
	p.since, p.pass = g.w.step(), make(chan memengine.Fault, 1)
	g.mu.Lock()
	g.parked = append(g.parked, p)
	g.mu.Unlock()
	select {
	case f := <-p.pass:
		return f
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		g.parked = slices.DeleteFunc(g.parked, func(q *parked) bool { return p == q })
		return func(ctx context.Context, _ func() error) error { return ctx.Err() }
	}
}

// broken is what becomes of a request, or a reply, when the connection breaks.
func (g *gate) broken(p *parked) memengine.Fault {
	switch {
	case p.reply && p.commits():
		return memengine.LoseReply
	case p.call.Op == memengine.OpAwait:
		return awaitNothing
	}
	return memengine.Refuse
}

// awaitNothing waits as long as an engine does that hears nothing of the database.
func awaitNothing(ctx context.Context, _ func() error) error {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	return memengine.ErrCut
}

// waiting returns the requests that wait in an order that the seed alone determines.
func (g *gate) waiting() []*parked {
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.SortStableFunc(g.parked, func(a, b *parked) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.r.String(), b.r.String()),
			cmp.Compare(a.call.Op, b.call.Op), cmp.Compare(a.by, b.by), cmp.Compare(a.call.After, b.call.After))
	})
	return slices.Clone(g.parked)
}

// let decides what becomes of a request.
func (g *gate) let(p *parked, how string, f memengine.Fault) {
	g.mu.Lock()
	g.parked = slices.DeleteFunc(g.parked, func(q *parked) bool { return p == q })
	g.mu.Unlock()
	g.w.note("%s: %s", p, how)
	p.pass <- f
}

// cutOff breaks the connections of a replica.
func (g *gate) cutOff(r *replica) {
	r.cut.Store(true)
	for _, p := range g.waiting() {
		if p.r != r {
			continue
		}
		synctest.Wait() // one after the other
		how, f := "cut off", g.broken(p)
		if p.commits() && !p.reply {
			switch g.w.rnd.IntN(4) {
			case 0:
				how, f = "request lost", memengine.LoseRequest
			case 1:
				how, f = "reply lost", memengine.LoseReply
			case 2:
				how, f = g.delay(p)
			}
		}
		g.let(p, how, f)
	}
}

// release lets one request pass, perhaps with a fault.
func (g *gate) release(p *parked) {
	rnd := g.w.rnd
	if rnd.IntN(100) >= g.w.faults {
		g.let(p, "passes", memengine.Carry)
		return
	}
	how, f := "passes", memengine.Fault(memengine.Carry)
	switch {
	case p.call.Op == memengine.OpAwait:
	case p.reply && p.commits():
		how, f = "reply lost", memengine.LoseReply
	case p.reply, p.call.Op == memengine.OpSay:
		how, f = "refused", memengine.Refuse
	case p.commits():
		switch rnd.IntN(5) {
		case 0:
			how, f = "refused", memengine.Refuse
		case 1:
			how, f = "request lost", memengine.LoseRequest
		case 2:
			how, f = "reply lost", memengine.LoseReply
		case 3:
			how, f = g.delay(p)
		case 4:
			how, f = "reply is slow", g.holdReply(p)
		}
	default:
		switch rnd.IntN(3) {
		case 0:
			how, f = "refused", memengine.Refuse
		case 1:
			how, f = "answer lost", loseAnswer
		case 2:
			how, f = "reply is slow", g.holdReply(p)
		}
	}
	g.let(p, how, f)
}

// loseAnswer carries out what may be carried out twice, and loses the answer.
func loseAnswer(_ context.Context, do func() error) error {
	if err := do(); err != nil {
		return err
	}
	return memengine.ErrCut
}

// delay lets a transaction arrive later, where others may write in between.
func (g *gate) delay(p *parked) (string, memengine.Fault) {
	if !g.w.shared {
		return "request lost", memengine.LoseRequest
	}
	return "is late", func(ctx context.Context, do func() error) error {
		p.do = do
		g.mu.Lock()
		g.late = append(g.late, p)
		g.mu.Unlock()
		return memengine.LoseRequest(ctx, do)
	}
}

// arrive lets a late transaction arrive.
func (g *gate) arrive(i int) {
	g.mu.Lock()
	p := g.late[i]
	g.late = slices.Delete(g.late, i, i+1)
	g.mu.Unlock()
	g.w.note("%s: arrives late", p)
	g.w.running.Go(func() {
		if err := p.do(); err != nil && !errors.Is(err, mvcc.ErrMoved) && !errors.Is(err, mvcc.ErrUnknownOutcome) {
			g.w.note("%s: fails late: %v", p, err)
		}
	})
}

// holdReply carries a request out, and parks the reply.
func (g *gate) holdReply(p *parked) memengine.Fault {
	return func(ctx context.Context, do func() error) error {
		err := do()
		f := g.park(ctx, &parked{r: p.r, call: p.call, by: p.by, reply: true})
		return f(ctx, func() error { return err })
	}
}
