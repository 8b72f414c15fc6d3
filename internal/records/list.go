package records

import (
	"context"
	"time"

	"github.com/mckinsey/ark-server/internal/history"
)

// pageSize is how many versions are read at a time, and pageLimit the most versions of a response.
const (
	pageSize  = 500
	pageLimit = history.MaxLimit
)

// part is a page of the versions that the sender of a request may read.
type part struct {
	versions []*history.Version
	// next is the token for the next page, "" for none. It names the last version of the page.
	next     string
	revision int64
}

// list returns the versions of a query that the sender may read and for which match returns true; a
// nil match accepts all.
func (g *Group) list(ctx context.Context, q history.Query, limit int, match func(*history.Version) bool) (part, error) {
	if limit <= 0 || limit > pageLimit {
		limit = pageLimit
	}
	var p part
	for q.Limit = min(pageSize, limit+1); ; q.Limit = pageSize {
		page, err := g.reader.List(ctx, q)
		if err != nil {
			return p, g.asStatus(err)
		}
		p.revision = max(p.revision, page.Revision)
		seen, err := g.rights.visible(ctx, "list", page.Items)
		if err != nil {
			return p, g.asStatus(err)
		}
		for _, v := range seen {
			if match != nil && !match(v) {
				continue
			}
			// All versions of a revision are on one page, because the token names a revision.
			if n := len(p.versions); n >= limit && p.versions[n-1].Revision != v.Revision {
				p.next = history.After(p.versions[n-1])
				return p, nil
			}
			p.versions = append(p.versions, v)
		}
		if q.Continue = page.Continue; q.Continue == "" {
			return p, nil
		}
	}
}

// period limits a query to the period in a request's parameters.
func period(ctx context.Context, q *history.Query) (err error) {
	asked := parametersFrom(ctx)
	if q.Since, err = timeOf("since", asked.Get("since")); err != nil {
		return err
	}
	q.Until, err = timeOf("until", asked.Get("until"))
	return err
}

// timeOf parses a time, or a duration before now; "" is the zero time.
func timeOf(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, badParameter(name, text, "write a time such as 2026-11-30T12:00:00Z, or how long ago, such as 90m")
	}
	return t, nil
}
