package server

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/conversation"
	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/records"
	"github.com/mckinsey/ark-server/internal/reporting"
)

// records returns the API group of the records about Ark objects, which also exists without a
// history. others are further kinds that the server stores and whose changes are in the history.
func (s *data) records(o Options, others ...install.Kind) (*records.Group, error) {
	why := "this server keeps no history: start it with --history=on"
	if o.Storage.Kind == Etcd {
		why = "this server keeps no history, because its storage is an external etcd: use --storage=sqlite, postgresql or mysql, with --history=on"
	}
	statements, err := reporting.NewStatements(s.model)
	if err != nil {
		return nil, err
	}
	group, err := records.New(s.history, s.upkeep, why, statements, others...)
	if err == nil && s.policy != nil {
		s.policy.group.Store(group)
		group.Erases(s.erase)
	}
	return group, err
}

// erase removes the data of purged objects outside the history.
func (s *data) erase(ctx context.Context, purged []history.Purged) (rows int64, err error) {
	for _, one := range purged {
		if one.Resource != (history.Resource{Group: v1alpha1.SchemeGroupVersion.Group, Resource: "queries"}) {
			continue
		}
		n, err := conversation.Erase(ctx, s.side, one.Namespace, one.Name, one.UID)
		if rows += n; err != nil {
			return rows, err
		}
	}
	if s.model != nil && len(purged) > 0 {
		return rows, s.model.Scrub(ctx)
	}
	return rows, nil
}

// retention returns the policy of the versions to keep to the archive. Until there is a server that
// has the policies, no version is removed.
type retention struct{ group atomic.Pointer[records.Group] }

var errNoPolicies = errors.New("the retention policies cannot be read before the server serves")

func (r *retention) policy(ctx context.Context) (history.Policy, error) {
	group := r.group.Load()
	if group == nil {
		return history.Policy{}, errNoPolicies
	}
	return group.Policy(ctx)
}
