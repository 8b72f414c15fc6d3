package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// The remedy comes where the error is that it belongs to, however deep that is, and the rest of the
// text stays. Callers find the error itself.
func TestRemedies(t *testing.T) {
	rewound := &mvcc.RewoundError{From: mvcc.Position{Revision: 9, Change: 2}, To: mvcc.Position{Revision: 7, Change: 1}}
	const stop = ": stop every replica, run ark-server restore --bump-revision, and start them again"
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("other"), "other"},
		{rewound, rewound.Error() + stop},
		{fmt.Errorf("list: %w (again)", rewound), "list: " + rewound.Error() + stop + " (again)"},
		{errors.Join(errors.New("a"), fmt.Errorf("%w: %w", errors.New("b"), rewound)), "a\nb: " + rewound.Error() + stop},
		{&etcdserver.UnprotectedError{Port: "1"}, (&etcdserver.UnprotectedError{Port: "1"}).Error() + " (--etcd-listen-cert-file, --etcd-listen-key-file, --etcd-listen-client-ca-file)"},
		{fmt.Errorf("write a: %w", transfer.ErrTooLarge), "write a: the storage does not take an object of this size: raise --max-object-size here and where it is served (with --storage=etcd that server's limit decides)"},
		{&transfer.NoContextError{Known: []string{"a", "b"}}, "the kubeconfig has no current context: choose one with --context, of a, b"},
	} {
		got := remedied(c.err)
		if got.Error() != c.want || !errors.Is(got, c.err) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if remedied(nil) != nil {
		t.Error("there is an error where there was none")
	}
}
