package access

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// target is what the authorizer is asked about: a namespace or all of them, a name or all of them.
type target struct{ namespace, name string }

// key is what a decision is kept under: everything that the authorizer sees.
type key struct {
	who                                         [sha256.Size]byte
	verb, group, version, resource, subresource string
	target
}

// String is the name of the flight.
func (k key) String() string {
	return strings.Join([]string{string(k.who[:]), k.verb, k.group, k.version, k.resource, k.subresource, k.namespace, k.name}, "\x00")
}

// asker asks the authorizer about one user and kind.
type asker struct {
	*Resolver
	who      user.Info
	question Question
	key      key // without target
}

func (r *Resolver) newAsker(who user.Info, q Question) *asker {
	return &asker{Resolver: r, who: who, question: q, key: key{
		who: digest(who), verb: q.Verb, group: q.Group, version: q.Version, resource: q.Resource, subresource: q.Subresource,
	}}
}

// digest tells users apart by all that their rights may depend on. The order of groups does not
// matter.
func digest(who user.Info) (sum [sha256.Size]byte) {
	h := sha256.New()
	write(h, who.GetName(), who.GetUID())
	write(h, slices.Sorted(slices.Values(who.GetGroups()))...)
	extra := who.GetExtra()
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		write(h, name)
		write(h, extra[name]...)
	}
	h.Sum(sum[:0])
	return sum
}

// write adds a list, so that no two lists are the same bytes.
func write(h hash.Hash, list ...string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(list)))
	_, _ = h.Write(n[:]) // a hash has no errors
	for _, one := range list {
		binary.BigEndian.PutUint64(n[:], uint64(len(one)))
		_, _ = h.Write(n[:])
		_, _ = h.Write([]byte(one))
	}
}

// kept returns a decision that is not too old.
func (s *asker) kept(one target) (allowed, found bool) {
	if s.options.AllowFor == 0 && s.options.DenyFor == 0 {
		return false, false
	}
	k := s.key
	k.target = one
	value, found := s.Resolver.kept.Get(k)
	if !found {
		return false, false
	}
	return value.(bool), true
}

// may decides a target.
func (s *asker) may(ctx context.Context, one target) (bool, error) {
	if allowed, found := s.kept(one); found {
		return allowed, nil
	}
	return s.ask(ctx, one)
}

// ask has the authorizer decide. Where decisions are kept, several callers who ask the same at once
// get one decision; where they are not, each gets its own, because one that began before may be
// older than a change of rights.
func (s *asker) ask(ctx context.Context, one target) (bool, error) {
	if s.options.AllowFor == 0 && s.options.DenyFor == 0 {
		return s.decide(ctx, one)
	}
	k := s.key
	k.target = one
	flight := s.asking.DoChan(k.String(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		begin := s.options.Clock.Now()
		allowed, err := s.decide(ctx, one)
		if err != nil {
			return false, err
		}
		keep := s.options.DenyFor
		if allowed {
			keep = s.options.AllowFor
		}
		if keep -= s.options.Clock.Since(begin); keep > 0 {
			s.Resolver.kept.Add(k, allowed, keep)
		}
		return allowed, nil
	})
	select {
	case result := <-flight:
		if result.Err != nil {
			return false, result.Err
		}
		return result.Val.(bool), nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// decide asks once, when there is a place.
func (s *asker) decide(ctx context.Context, one target) (bool, error) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return false, fmt.Errorf("wait for other questions: %w", context.Cause(ctx))
	}
	decision, _, err := s.options.Authorizer.Authorize(ctx, s.question.about(s.who, one.namespace, one.name))
	switch {
	case decision == authorizer.DecisionAllow:
		return true, nil
	case err != nil:
		return false, err
	}
	return false, nil
}
