package server

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/records"
)

// records returns the group of what is recorded about Ark objects, which is there without a history, too.
func (s *data) records(o Options) (*records.Group, error) {
	why := "this server keeps no history: start it with --history=on"
	if o.Storage.Kind == Etcd {
		why = "this server keeps no history, because its storage is an external etcd: use --storage=sqlite, postgresql or mysql, with --history=on"
	}
	group, err := records.New(s.history, s.upkeep, why)
	if err == nil && s.policy != nil {
		s.policy.group.Store(group)
	}
	return group, err
}

// retention is what the archive asks which versions to keep. Until there is a server that has the policies, nothing goes.
type retention struct{ group atomic.Pointer[records.Group] }

var errNoPolicies = errors.New("the retention policies cannot be read before the server serves")

func (r *retention) policy(ctx context.Context) (history.Policy, error) {
	group := r.group.Load()
	if group == nil {
		return history.Policy{}, errNoPolicies
	}
	return group.Policy(ctx)
}
