package server

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/records"
)

// past adapts a history to the read model.
type past struct{ reader history.Reader }

// pastOf returns nil without a history.
func pastOf(reader history.Reader) readmodel.Past {
	if reader == nil {
		return nil
	}
	return past{reader}
}

// Versions implements readmodel.Past.
func (p past) Versions(ctx context.Context, after int64, limit int) ([]readmodel.Version, int64, error) {
	page, err := p.reader.List(ctx, history.Query{From: after + 1, OldestFirst: true, DeletedObjects: true, Limit: limit})
	if err != nil {
		return nil, 0, err
	}
	versions := make([]readmodel.Version, len(page.Items))
	for i, v := range page.Items {
		groups := ""
		if len(v.Groups) > 0 {
			encoded, err := json.Marshal(v.Groups)
			if err != nil {
				return nil, 0, err
			}
			groups = string(encoded)
		}
		versions[i] = readmodel.Version{
			Resource: v.Resource.Resource, Namespace: v.Namespace, Name: v.Name, UID: v.UID, Revision: v.Revision, Generation: v.Generation,
			Verb: v.Verb, User: v.User, Groups: groups, Impersonator: v.Impersonator, UserAgent: v.UserAgent, FieldManager: v.FieldManager,
			AuditID: v.AuditID, Cause: v.Cause, StatusOnly: v.StatusOnly, Deleted: v.Deleted, Time: v.Time, Object: v.Object,
		}
	}
	through := max(page.Revision, after)
	if page.Continue != "" {
		through = versions[len(versions)-1].Revision
	}
	return versions, through, nil
}

// forgetting also removes from the read model what is removed from the history.
type forgetting struct {
	records.Upkeep
	model *readmodel.Model
}

// Retain implements records.Upkeep.
func (f forgetting) Retain(ctx context.Context, p history.Policy, now time.Time, dry bool) (history.Report, error) {
	report, err := f.Upkeep.Retain(ctx, p, now, dry)
	if !dry {
		f.model.Forget()
	}
	return report, err
}

// Purge implements records.Upkeep.
func (f forgetting) Purge(ctx context.Context, of history.Target) (history.Report, error) {
	report, err := f.Upkeep.Purge(ctx, of)
	f.model.Forget()
	return report, err
}
