package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// reviews is an authorizer that counts and can be told what to say.
type reviews struct {
	authorizer.AuthorizerFunc
	asked atomic.Int64
}

// answering returns a resolver that keeps decisions, on an authorizer.
func answering(t testing.TB, allowFor, denyFor time.Duration, decide func(a authorizer.Attributes) (authorizer.Decision, error)) (*Resolver, *reviews) {
	t.Helper()
	counting := &reviews{}
	counting.AuthorizerFunc = func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		counting.asked.Add(1)
		decision, err := decide(a)
		return decision, "", err
	}
	r, err := New(Options{Authorizer: counting, AllowFor: allowFor, DenyFor: denyFor})
	if err != nil {
		t.Fatal(err)
	}
	return r, counting
}

func yes(when bool) (authorizer.Decision, error) {
	if when {
		return authorizer.DecisionAllow, nil
	}
	return authorizer.DecisionNoOpinion, nil
}

var (
	alice  = &user.DefaultInfo{Name: "alice", Groups: []string{"staff"}}
	agents = Question{Verb: "list", Group: "ark.mckinsey.com", Resource: "agents"}
)

func TestReviews(t *testing.T) {
	r, counting := answering(t, MaxAge, MaxAge, func(a authorizer.Attributes) (authorizer.Decision, error) {
		if a.GetUser() != user.Info(alice) || a.GetVerb() != "list" || a.GetAPIGroup() != "ark.mckinsey.com" || a.GetResource() != "agents" || !a.IsResourceRequest() {
			t.Errorf("asked about %+v", a)
		}
		return yes(a.GetNamespace() == "open" || a.GetNamespace() == "half" && a.GetName() == "one")
	})
	q := agents
	q.Namespaces = []string{"open", "closed", "half", "open", ""}
	q.Names = map[string][]string{"open": {"one"}, "half": {"one", "two", ""}, "more": {"three"}}
	a, err := r.Ask(t.Context(), alice, q)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		namespace, name string
		want            Decision
	}{
		{"open", "one", Yes}, {"open", "other", Yes}, {"half", "one", Yes}, {"half", "two", No}, {"half", "other", Unknown},
		{"closed", "one", Unknown}, {"more", "three", No}, {"not asked", "one", Unknown}, {"", "one", Unknown},
	} {
		if got := a.Decide(c.namespace, c.name); got != c.want || a.Allows(c.namespace, c.name) != (c.want == Yes) {
			t.Errorf("%s/%s: got %v, want %v", c.namespace, c.name, got, c.want)
		}
	}
	var rows []string
	for namespace, names := range a.Names() {
		rows = append(rows, fmt.Sprint(namespace, names))
	}
	if a.All() || !slices.Equal(a.Namespaces(), []string{"open"}) || !slices.Equal(rows, []string{"half[one]"}) || a.Everywhere() != nil {
		t.Errorf("got %v, %v, %v, %v", a.All(), a.Namespaces(), rows, a.Everywhere())
	}
	// All namespaces; open, closed, half, more; half/one, half/two, more/three.
	if n := counting.asked.Load(); n != 8 {
		t.Errorf("the authorizer was asked %d times, want 8", n)
	}
}

// One question decides for those who may have all.
func TestAllNamespaces(t *testing.T) {
	r, counting := answering(t, 0, 0, func(a authorizer.Attributes) (authorizer.Decision, error) { return yes(a.GetNamespace() == "") })
	q := agents
	for i := range 1000 {
		q.Namespaces = append(q.Namespaces, fmt.Sprint(i))
	}
	a, err := r.Ask(t.Context(), alice, q)
	if err != nil || !a.All() || a.Decide("any", "row") != Yes || counting.asked.Load() != 1 {
		t.Errorf("got %+v, %v after %d questions", a, err, counting.asked.Load())
	}
}

// What cannot be found out is an error, at whichever step, and is asked again next time. A denial
// is an answer, and an allowance too, whatever errors come with it.
func TestErrors(t *testing.T) {
	fault := errors.New("a fault")
	for name, fails := range map[string]func(a authorizer.Attributes) bool{
		"all":         func(a authorizer.Attributes) bool { return a.GetNamespace() == "" },
		"a namespace": func(a authorizer.Attributes) bool { return a.GetNamespace() == "two" && a.GetName() == "" },
		"a name":      func(a authorizer.Attributes) bool { return a.GetName() == "two" },
	} {
		var mended atomic.Bool // another question may still be under way
		r, _ := answering(t, MaxAge, MaxAge, func(a authorizer.Attributes) (authorizer.Decision, error) {
			if !mended.Load() && fails(a) {
				return authorizer.DecisionNoOpinion, fault
			}
			return authorizer.DecisionDeny, nil
		})
		q := agents
		q.Namespaces, q.Names = []string{"one", "two"}, map[string][]string{"one": {"one", "two"}}
		if a, err := r.Ask(t.Context(), alice, q); !errors.Is(err, fault) {
			t.Errorf("%s: got %+v, %v", name, a, err)
		}
		mended.Store(true)
		if a, err := r.Ask(t.Context(), alice, q); err != nil || a.Decide("one", "two") != No {
			t.Errorf("%s, again: got %+v, %v", name, a, err)
		}
	}
	r, _ := answering(t, 0, 0, func(authorizer.Attributes) (authorizer.Decision, error) { return authorizer.DecisionAllow, fault })
	if a, err := r.Ask(t.Context(), alice, agents); err != nil || !a.All() {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestQuestionsThatAreNone(t *testing.T) {
	r, counting := answering(t, 0, 0, func(authorizer.Attributes) (authorizer.Decision, error) { return authorizer.DecisionAllow, nil })
	for _, q := range []Question{{}, {Verb: "list"}, {Resource: "agents"}, {Verb: "*", Resource: "agents"}, {Verb: "get", Resource: "*"}} {
		if _, err := r.Ask(t.Context(), alice, q); err == nil {
			t.Errorf("%+v was answered", q)
		}
	}
	if _, err := r.Ask(t.Context(), nil, agents); err == nil || counting.asked.Load() != 0 {
		t.Errorf("nobody was answered: %v", err)
	}
	for _, o := range []Options{{}, {Authorizer: counting, AllowFor: MaxAge + 1}, {Authorizer: counting, DenyFor: MaxAge + 1}, {Authorizer: counting, AllowFor: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// A decision is kept for its time, from before it was asked for; those of users who differ in
// anything are apart.
func TestAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var allowed atomic.Bool
		var slow atomic.Int64
		r, counting := answering(t, 10*time.Second, 5*time.Second, func(authorizer.Attributes) (authorizer.Decision, error) {
			was := allowed.Load()
			time.Sleep(time.Duration(slow.Load()))
			return yes(was)
		})
		ask := func(want bool, asked int64) {
			t.Helper()
			before := counting.asked.Load()
			a, err := r.Ask(t.Context(), alice, agents)
			if err != nil || a.All() != want || counting.asked.Load()-before != asked {
				t.Errorf("got %v, %v after %d questions, want %v after %d", a.All(), err, counting.asked.Load()-before, want, asked)
			}
		}
		ask(false, 1)
		allowed.Store(true)
		time.Sleep(5 * time.Second)
		ask(false, 0)
		time.Sleep(time.Nanosecond)
		ask(true, 1)
		allowed.Store(false)
		time.Sleep(10 * time.Second)
		ask(true, 0)
		time.Sleep(time.Nanosecond)
		slow.Store(int64(3 * time.Second))
		ask(false, 1)
		allowed.Store(true)
		slow.Store(0)
		time.Sleep(2 * time.Second)
		ask(false, 0)
		time.Sleep(time.Nanosecond)
		ask(true, 1)
	})
}

func TestUsersAreToldApart(t *testing.T) {
	seen := map[[32]byte]int{}
	for i, u := range []user.DefaultInfo{
		{Name: "a"}, {Name: "a", UID: "1"}, {Name: "a1"}, {Name: "a", Groups: []string{"b"}}, {Name: "a", Groups: []string{"b", "c"}},
		{Name: "a", Groups: []string{"bc"}}, {Name: "a", Extra: map[string][]string{"b": {"c"}}}, {Name: "a", Extra: map[string][]string{"b": {}, "c": {}}},
		{Name: "a", Extra: map[string][]string{"b": {"c", "d"}}}, {Name: "a", Extra: map[string][]string{"b": {"d", "c"}}}, {Name: "b"},
	} {
		if other, twice := seen[digest(&u)]; twice {
			t.Errorf("users %d and %d are the same", i, other)
		}
		seen[digest(&u)] = i
	}
	if digest(&user.DefaultInfo{Groups: []string{"a", "b"}}) != digest(&user.DefaultInfo{Groups: []string{"b", "a"}}) {
		t.Error("the order of groups matters")
	}
}

// Many who ask the same at once have it asked once. One who does not wait any longer leaves it to
// the others.
func TestAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r, counting := answering(t, MaxAge, MaxAge, func(authorizer.Attributes) (authorizer.Decision, error) {
			<-release
			return authorizer.DecisionAllow, nil
		})
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := r.Ask(ctx, alice, agents)
			first <- err
		}()
		synctest.Wait()
		var others sync.WaitGroup
		for range 100 {
			others.Go(func() {
				if a, err := r.Ask(t.Context(), alice, agents); err != nil || !a.All() {
					t.Errorf("got %+v, %v", a, err)
				}
			})
		}
		synctest.Wait()
		cancel(cause)
		if err := <-first; !errors.Is(err, cause) {
			t.Errorf("who did not wait got %v", err)
		}
		close(release)
		others.Wait()
		if n := counting.asked.Load(); n != 1 {
			t.Errorf("it was asked %d times", n)
		}
	})
}

// All who ask share the places.
func TestPlaces(t *testing.T) {
	for _, keep := range []time.Duration{0, MaxAge} {
		synctest.Test(t, func(t *testing.T) {
			var now atomic.Int64
			release := make(chan struct{})
			r, _ := answering(t, keep, keep, func(a authorizer.Attributes) (authorizer.Decision, error) {
				if a.GetNamespace() != "" {
					if n := now.Add(1); n > parallel {
						t.Errorf("%d at a time", n)
					}
					defer now.Add(-1)
					<-release
				}
				return authorizer.DecisionDeny, nil
			})
			var all sync.WaitGroup
			for i := range 3 {
				q := agents
				for n := range 100 {
					q.Namespaces = append(q.Namespaces, fmt.Sprint(i, "-", n))
				}
				all.Go(func() {
					if _, err := r.Ask(t.Context(), alice, q); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait() // the first has asked about all namespaces, and holds all places
				if now.Load() != parallel {
					t.Errorf("%d at a time, want %d", now.Load(), parallel)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			waiting := make(chan error, 1)
			go func() {
				_, err := r.Ask(ctx, &user.DefaultInfo{Name: "bob"}, agents)
				waiting <- err
			}()
			synctest.Wait()
			cancel()
			if err := <-waiting; !errors.Is(err, context.Canceled) {
				t.Errorf("who did not wait any longer for a place got %v", err)
			}
			close(release)
			all.Wait()
		})
	}
}

// What is kept is bounded.
func TestKeptIsBounded(t *testing.T) {
	r, _ := answering(t, MaxAge, MaxAge, func(authorizer.Attributes) (authorizer.Decision, error) { return authorizer.DecisionDeny, nil })
	for i := range maxKept + 1000 {
		k := key{target: target{name: fmt.Sprint(i)}}
		r.kept.Add(k, true, MaxAge)
	}
	if n := len(r.kept.Keys()); n != maxKept {
		t.Errorf("%d are kept", n)
	}
}

// BenchmarkAllows is a row of an answer about a thousand namespaces.
func BenchmarkAllows(b *testing.B) {
	r, _ := answering(b, MaxAge, MaxAge, func(a authorizer.Attributes) (authorizer.Decision, error) {
		return yes(len(a.GetNamespace())%2 == 1 || a.GetName() == "one")
	})
	q := agents
	q.Names = map[string][]string{}
	for i := range 1000 {
		namespace := fmt.Sprint("team-", i)
		q.Namespaces = append(q.Namespaces, namespace)
		q.Names[namespace] = []string{"one", "two"}
	}
	a, err := r.Ask(b.Context(), alice, q)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("row", func(b *testing.B) {
		i := 0
		for b.Loop() {
			a.Allows(q.Namespaces[i%1000], "two")
			i++
		}
	})
	b.Run("a kept answer about 1000 namespaces", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Ask(b.Context(), alice, q); err != nil {
				b.Fatal(err)
			}
		}
	})
}
