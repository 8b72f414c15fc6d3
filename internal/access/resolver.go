package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
	utilcache "k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"
)

const (
	// MaxAge bounds how long a decision is kept.
	MaxAge = 10 * time.Second
	// maxKept is how many decisions are kept, those that were not used for longest given up first:
	// about 30 MB.
	maxKept = 50_000
	// parallel is how many questions the authorizer is asked at a time, of all users together.
	parallel = 32
	// patience bounds one question to the authorizer. It goes on without the caller who asked first,
	// because others may wait for it.
	patience = 30 * time.Second
)

// Options are what a Resolver works with.
type Options struct {
	// Authorizer decides. It should keep no decisions itself: their ages would add up.
	Authorizer authorizer.Authorizer
	// Rules are what roles grant, nil if they are not known or not all that grants.
	Rules Rules
	// AllowFor and DenyFor are how long decisions of the authorizer are kept, at most MaxAge; 0 for
	// not at all.
	AllowFor, DenyFor time.Duration
	// Clock is for tests; nil for the real one.
	Clock clock.Clock
}

// Resolver answers questions. It is safe for concurrent use.
type Resolver struct {
	options Options
	kept    *utilcache.LRUExpireCache
	asking  singleflight.Group
	places  chan struct{} // one for each question to the authorizer
}

// New returns a resolver.
func New(o Options) (*Resolver, error) {
	switch {
	case o.Authorizer == nil:
		return nil, errors.New("set up access: there is no authorizer")
	case o.AllowFor < 0 || o.DenyFor < 0 || o.AllowFor > MaxAge || o.DenyFor > MaxAge:
		return nil, fmt.Errorf("set up access: decisions are kept for %s and %s, want 0 to %s", o.AllowFor, o.DenyFor, MaxAge)
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return &Resolver{
		options: o,
		kept:    utilcache.NewLRUExpireCacheWithClock(maxKept, o.Clock),
		places:  make(chan struct{}, parallel),
	}, nil
}

// Ask answers a question about a user. An error says that the answer could not be found out.
func (r *Resolver) Ask(ctx context.Context, who user.Info, q Question) (*Answer, error) {
	if who == nil {
		return nil, errors.New("find out what may be seen: there is no user")
	}
	if err := q.check(); err != nil {
		return nil, fmt.Errorf("find out what %q may see: %w", who.GetName(), err)
	}
	a, err := r.answer(ctx, who, q)
	if err != nil {
		return nil, fmt.Errorf("find out whether %q may %s: %w", who.GetName(), q, err)
	}
	return a, nil
}

func (r *Resolver) answer(ctx context.Context, who user.Info, q Question) (*Answer, error) {
	asker := r.newAsker(who, q)
	all, err := asker.may(ctx, target{})
	switch {
	case err != nil:
		return nil, err
	case all:
		return &Answer{all: true}, nil
	case r.options.Rules != nil:
		return asker.byRules(ctx)
	}
	return asker.byReviews(ctx)
}

// byReviews asks about every namespace, then about the names in those that are refused.
func (s *asker) byReviews(ctx context.Context) (*Answer, error) {
	a := &Answer{namespaces: s.question.scopes()}
	targets := make([]target, 0, len(a.namespaces))
	for namespace := range a.namespaces {
		if namespace != "" { // to the authorizer that is all of them, which are refused
			targets = append(targets, target{namespace: namespace})
		}
	}
	allowed, err := s.mayEach(ctx, targets)
	if err != nil {
		return nil, err
	}
	for i, one := range targets {
		a.namespaces[one.namespace] = scope{whole: allowed[i]}
	}
	targets = targets[:0]
	for namespace, names := range s.question.Names {
		if a.namespaces[namespace].whole {
			continue
		}
		for _, name := range names {
			if name != "" {
				targets = append(targets, target{namespace, name})
			}
		}
	}
	if allowed, err = s.mayEach(ctx, targets); err != nil {
		return nil, err
	}
	for i, one := range targets {
		known := a.namespaces[one.namespace]
		if known.names == nil {
			known.names = map[string]bool{}
			a.namespaces[one.namespace] = known
		}
		known.names[one.name] = allowed[i]
	}
	return a, nil
}

// mayEach decides several targets at once.
func (s *asker) mayEach(ctx context.Context, targets []target) ([]bool, error) {
	allowed := make([]bool, len(targets))
	var open []int
	for i, one := range targets {
		var kept bool
		if allowed[i], kept = s.kept(one); !kept {
			open = append(open, i)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, i := range open {
		group.Go(func() (err error) {
			allowed[i], err = s.ask(ctx, targets[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return allowed, nil
}
