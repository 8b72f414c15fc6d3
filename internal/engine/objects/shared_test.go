package objects

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// store is a Reader that returns one version for everything. A read returns the version at its
// beginning, once step allows it to end.
type store struct {
	Reader
	version, reads atomic.Int64
	step           chan error
}

func (s *store) Get(ctx context.Context, _, _, name string, into Object) error {
	s.reads.Add(1)
	version := s.version.Load()
	select {
	case err := <-s.step:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	into.SetName(name)
	into.SetResourceVersion(fmt.Sprint(version))
	into.SetLabels(map[string]string{"of": name})
	return nil
}

// A caller that arrives during a read gets the next one, which begins after all of them have
// called.
func TestSharedReadsBeginAfterTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &store{step: make(chan error)}
		s := NewShared(from, nil)
		var ended sync.WaitGroup
		ask := func(want string) {
			ended.Go(func() {
				got := &v1alpha1.Agent{}
				if err := s.Get(t.Context(), "agents", "default", "a", got); err != nil || got.ResourceVersion != want {
					t.Errorf("got version %q, %v, want %s", got.ResourceVersion, err, want)
				}
				got.Labels["of"] = "mine" // the object belongs to this caller only
			})
			synctest.Wait()
		}
		from.version.Store(1)
		ask("1")
		from.version.Store(2)
		for range 50 {
			ask("3") // committed before the read of all of them begins
		}
		from.version.Store(3)
		from.step <- nil
		synctest.Wait() // the second read has begun
		from.version.Store(4)
		ask("5")
		from.version.Store(5)
		from.step <- nil
		synctest.Wait()
		from.step <- nil
		ended.Wait()
		if n := from.reads.Load(); n != 3 || len(s.reads) != 0 {
			t.Errorf("%d reads, %d kept", n, len(s.reads))
		}
	})
}

// A caller that leaves does not affect the others, whether its read has begun or not; all callers
// get the same error.
func TestSharedReadsOutliveCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &store{step: make(chan error)}
		s := NewShared(from, nil)
		var ended sync.WaitGroup
		ask := func(ctx context.Context, want error) {
			ended.Go(func() {
				got := &v1alpha1.Agent{}
				if err := s.Get(ctx, "agents", "default", "a", got); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
				if want == nil && got.Name != "a" {
					t.Errorf("got %+v", got)
				}
			})
			synctest.Wait()
		}
		gone := errors.New("gone")
		first, leaveFirst := context.WithCancelCause(t.Context())
		second, leaveSecond := context.WithCancelCause(t.Context())
		ask(first, gone)
		ask(second, gone) // it is to make the next read
		ask(t.Context(), nil)
		leaveSecond(gone)
		synctest.Wait()
		leaveFirst(gone)
		synctest.Wait()
		from.step <- nil // from the third caller's own read
		ended.Wait()

		ask(t.Context(), nil)
		for range 5 {
			ask(t.Context(), gone)
		}
		from.step <- nil
		synctest.Wait()
		from.step <- gone
		ended.Wait()
		if n := from.reads.Load(); n != 4 || len(s.reads) != 0 {
			t.Errorf("%d reads, %d kept", n, len(s.reads))
		}
	})
}

// Objects of different kinds, namespaces and names have separate reads.
func TestSharedReadsAreOfOneObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &store{step: make(chan error)}
		s := NewShared(from, nil)
		var ended sync.WaitGroup
		for _, of := range [][3]string{{"agents", "default", "a"}, {"agents", "default", "b"}, {"agents", "other", "a"}} {
			ended.Go(func() {
				got := &v1alpha1.Agent{}
				if err := s.Get(t.Context(), of[0], of[1], of[2], got); err != nil || got.Name != of[2] {
					t.Errorf("got %s, %v", got.Name, err)
				}
			})
		}
		ended.Go(func() {
			got := &v1alpha1.Model{}
			if err := s.Get(t.Context(), "models", "default", "a", got); err != nil || got.Name != "a" {
				t.Errorf("got %s, %v", got.Name, err)
			}
		})
		synctest.Wait()
		for range 4 {
			from.step <- nil
		}
		ended.Wait()
	})
}

// A read that waits for callers answers those that arrive while it waits, and none that arrive
// after it has begun.
func TestSharedReadsGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &store{step: make(chan error)}
		wait := time.Second
		s := NewShared(from, func() time.Duration { return wait })
		var ended sync.WaitGroup
		ask := func(ctx context.Context, want string, wantErr error) {
			ended.Go(func() {
				got := &v1alpha1.Agent{}
				if err := s.Get(ctx, "agents", "default", "a", got); !errors.Is(err, wantErr) || got.ResourceVersion != want {
					t.Errorf("got version %q, %v, want %s, %v", got.ResourceVersion, err, want, wantErr)
				}
			})
			synctest.Wait()
		}
		gone, leave := context.WithCancel(t.Context())
		ask(gone, "", context.Canceled) // it leaves while callers gather: the others still get a read
		for range 9 {
			ask(t.Context(), "1", nil)
		}
		leave()
		synctest.Wait()
		from.version.Store(1) // committed while callers gather
		time.Sleep(wait)
		synctest.Wait()
		from.version.Store(2)
		ask(t.Context(), "2", nil)
		from.step <- nil
		time.Sleep(wait)
		from.step <- nil
		ended.Wait()
		wait = 0
		ask(t.Context(), "2", nil) // at once
		from.step <- nil
		ended.Wait()
		if n := from.reads.Load(); n != 3 || len(s.reads) != 0 {
			t.Errorf("%d reads, %d kept", n, len(s.reads))
		}
	})
}
