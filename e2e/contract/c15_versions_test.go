package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// versions: which state a list or a get is of.
func versions(t *testing.T, p place) {
	first := p.create(t, "one")
	p.create(t, "two")
	between := p.get(t, p.query()).version(t)
	p.create(t, "three")
	p.delete(t, "one", nil).want(t, 200)

	names := func(parameters ...string) []string {
		t.Helper()
		a := p.get(t, p.query(parameters...)).want(t, 200)
		// Version 0 is any state, and of several servers each has one of its own.
		any := p.system.restarts && slices.Contains(parameters, "resourceVersion=0")
		if !any && asNumber(t, a.version(t)) < asNumber(t, first.GetResourceVersion()) {
			t.Errorf("list with %q is of revision %s", parameters, a.version(t))
		}
		return p.names(a.items(t))
	}
	now := []string{"three", "two"}
	if got := names(); !slices.Equal(got, now) {
		t.Errorf("consistent list: %q, want %q", got, now)
	}
	eventually(t, "the cached list is the present one", func() bool { return slices.Equal(names("resourceVersion=0"), now) })
	for _, parameters := range [][]string{{"resourceVersion=" + between}, {"resourceVersion=" + between, "resourceVersionMatch=NotOlderThan"}} {
		if got := names(parameters...); !slices.Contains(got, "two") {
			t.Errorf("list with %q is older: %q", parameters, got)
		}
	}
	exact := p.get(t, p.query("resourceVersion="+between, "resourceVersionMatch=Exact")).want(t, 200)
	if got := p.names(exact.items(t)); !slices.Equal(got, []string{"one", "two"}) || exact.version(t) != between {
		t.Errorf("list of exactly %s: %q at %s", between, got, exact.version(t))
	}
	for _, bad := range [][]string{{"resourceVersionMatch=Exact"}, {"resourceVersion=0", "resourceVersionMatch=Exact"}, {"resourceVersion=1", "resourceVersionMatch=About"}} {
		p.get(t, p.query(bad...)).refused(t, 422, metav1.StatusReasonInvalid, "resourceVersionMatch")
	}
	p.get(t, p.query("resourceVersion=soon")).refused(t, 400, metav1.StatusReasonBadRequest, "soon")
	if got := p.get(t, p.path("two")+"?resourceVersion=0").want(t, 200).object(t); got.GetName() != p.name("two") {
		t.Errorf("get with resourceVersion=0: %v", got)
	}
}

// versionsTooNew has the server wait some seconds for a state that does not come, so all kinds wait
// side by side.
func versionsTooNew(t *testing.T, s *server) {
	var wg sync.WaitGroup
	for _, kind := range kinds() {
		p := s.place(t, kind)
		future := fmt.Sprint(asNumber(t, p.get(t, p.query()).version(t)) + 1_000_000)
		for _, path := range []string{p.query("resourceVersion=" + future), p.query("resourceVersion="+future, "resourceVersionMatch=Exact"), p.path("x") + "?resourceVersion=" + future} {
			wg.Go(func() {
				a, err := s.try(t.Context(), request{method: "GET", path: path})
				if err != nil {
					t.Errorf("GET %s: %v", path, err)
					return
				}
				var status metav1.Status
				if err := json.Unmarshal(a.body, &status); err != nil || a.code != 504 || !apierrors.IsTimeout(&apierrors.StatusError{ErrStatus: status}) ||
					!strings.Contains(status.Message, "Too large resource version") || !apierrors.HasStatusCause(&apierrors.StatusError{ErrStatus: status}, metav1.CauseTypeResourceVersionTooLarge) {
					t.Errorf("GET %s: %d, want a timeout because of ResourceVersionTooLarge: %s", path, a.code, excerpt(a.body))
				}
			})
		}
	}
	wg.Wait()
}

// versionsExpire: a state that has been compacted away is 410.
func versionsExpire(t *testing.T, s *server) func(*testing.T) {
	p := s.place(t, kindNamed("Agent"))
	p.create(t, "one")
	old := p.get(t, p.query()).version(t)
	p.create(t, "two")
	return func(t *testing.T) {
		eventually(t, "the state of before is gone", func() bool {
			a := p.get(t, p.query("resourceVersion="+old, "resourceVersionMatch=Exact"))
			if a.code == 200 {
				return false
			}
			a.refused(t, 410, metav1.StatusReasonExpired)
			return true
		})
		if got := len(p.list(t, "resourceVersion="+old)); got != 2 {
			t.Errorf("not older than what is gone: %d objects, want 2", got)
		}
	}
}
