package engine

import (
	"context"
	"sync"
)

// gate bounds the concurrent calls of each model.
type gate struct {
	most int // 0 for no bound

	mu     sync.Mutex
	models map[string]*seats
}

type seats struct {
	taken chan struct{}
	users int // callers that hold a slot or wait for one
}

func newGate(most int) *gate { return &gate{most: most, models: map[string]*seats{}} }

// enter waits until a model may be called. The caller has to call leave after the call.
func (g *gate) enter(ctx context.Context, model string) (leave func(), err error) {
	if g.most <= 0 {
		return func() {}, nil
	}
	g.mu.Lock()
	s := g.models[model]
	if s == nil {
		s = &seats{taken: make(chan struct{}, g.most)}
		g.models[model] = s
	}
	s.users++
	g.mu.Unlock()
	forget := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if s.users--; s.users == 0 {
			delete(g.models, model)
		}
	}
	select {
	case s.taken <- struct{}{}:
		return func() {
			<-s.taken
			forget()
		}, nil
	case <-ctx.Done():
		forget()
		return nil, context.Cause(ctx)
	}
}
