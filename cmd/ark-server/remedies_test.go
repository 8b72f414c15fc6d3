package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/servermark"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// TestRemedies checks that the remedy follows the error that it belongs to, at any depth, and that
// the rest of the text stays. errors.As still finds the error.
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
		{&servermark.LossError{Store: 10}, (&servermark.LossError{}).Error() + ": stop every replica, run ark-server restore --bump-revision, and start them again, or start one with --accept-data-loss=000000000000000a"},
		{&servermark.LossError{Store: 10, Other: true}, (&servermark.LossError{Other: true}).Error()},
		{&sqlite.LossError{Store: 10}, "acknowledged writes are missing: : put back what was removed or replaced, or restore a backup (ark-server restore), or go on without what is missing: --accept-data-loss=000000000000000a"},
		{&sqlite.DamageError{Store: 10}, "the database is damaged: : restore a backup (ark-server restore), or go on without these rows: --accept-data-loss=000000000000000a"},
		{&sqlite.CorruptError{What: "it is damaged: restore a backup, or move it away"}, "it is damaged: restore a backup (ark-server restore), or move it away"},
		{fmt.Errorf("--db-path=a: %w", sqlite.ErrSameFile), "--db-path=a: the backup and the database are the same file: leave --from out to move the counter on in place"},
		{&database.LimitError{Problem: "p", Least: 5}, "p, or lower --db-max-connections (at least 5)"},
		{&database.LimitError{Limit: database.LimitValue, Problem: "p"}, "p, or lower --max-object-size"},
		{&database.BusyError{Err: errors.New("x")}, "the server has no connection to spare: raise its max_connections, or lower the number of replicas or --db-max-connections: x"},
		{&database.TLSError{Err: errors.New("x")}, "the server offers no TLS: enable it there, or choose --db-tls-mode=disable for a network that you trust: x"},
		{&database.TLSError{Certificate: true, Err: errors.New("x")}, "the server's certificate is not accepted: name its authority with --db-tls-ca-file, and the host as the certificate does: x"},
		{errors.Join(&database.MigrationError{Problem: "p", As: "a", Grant: "GRANT g"}, errors.New("x")), "p: run `ark-server migrate up` as a, then GRANT g\nx"},
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
