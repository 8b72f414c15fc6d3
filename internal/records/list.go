package records

import (
	"context"
	"time"

	"github.com/mckinsey/ark-server/internal/history"
)

// pageSize is how many versions are read at a time, and pageLimit how many an answer has at most.
const (
	pageSize  = 500
	pageLimit = history.MaxLimit
)

// part is a page of what the sender of a request may see.
type part struct {
	versions []*history.Version
	// next asks for the rest, "" for none. It names the last version of the page.
	next     string
	revision int64
}

// list returns the versions of a query that the sender may see and that match; nil matches all.
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
			// All versions of a revision are on one page: the token names a revision.
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

// period bounds a query by the time that a request names.
func period(ctx context.Context, q *history.Query) (err error) {
	asked := parametersFrom(ctx)
	if q.Since, err = timeOf("since", asked.Get("since")); err != nil {
		return err
	}
	q.Until, err = timeOf("until", asked.Get("until"))
	return err
}

// timeOf reads a time, or how long ago that is; "" is the zero time.
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
