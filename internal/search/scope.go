package search

import (
	"maps"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

// maxScopes bounds the words that restrict a match. If a caller's rights need more, the match is
// restricted only by its conditions on rows.
const maxScopes = 500

// narrowed returns the rows that may be found: the permitted ones, of the kinds and namespaces that
// the query names. Kinds without such rows are omitted, so if none is left no statement has to run.
func (s *Searcher) narrowed(q *query, rows map[string]sqlquery.Rows) map[string]sqlquery.Rows {
	if q.needsHistory() && !rows[readmodel.Revisions].All && len(rows[readmodel.Revisions].Namespaces) == 0 {
		return nil
	}
	left := map[string]sqlquery.Rows{}
	past, hasPast := rows[readmodel.Revisions]
	for name, kind := range s.kinds {
		r, allowed := rows[kind.Resource]
		for _, f := range q.filters {
			switch {
			case f.negative:
			case f.column == "kind":
				allowed = allowed && strings.EqualFold(f.value, name)
			case f.column == "namespace":
				if r.Within != nil && !strings.EqualFold(f.value, *r.Within) {
					allowed = false
				}
				within := strings.ToLower(f.value)
				r.Within = &within
			}
		}
		if allowed && !empty(r) {
			left[kind.Resource] = r
		}
	}
	if hasPast && len(left) > 0 {
		left[readmodel.Revisions] = past
	}
	return left
}

// needsHistory reports whether only objects are found whose history the caller may list.
func (q *query) needsHistory() bool {
	return q.deleted || slices.ContainsFunc(q.filters, func(f filter) bool { return f.column == "user" })
}

func empty(r sqlquery.Rows) bool {
	if r.All || len(r.Everywhere) > 0 {
		return false
	}
	if r.Within == nil {
		return len(r.Namespaces) == 0 && len(r.Names) == 0
	}
	return !slices.Contains(r.Namespaces, *r.Within) && len(r.Names[*r.Within]) == 0
}

// scope returns the restriction of a match to the objects that may be found, "" for none: a word of
// the index for each kind, namespace or kind in a namespace. Rights on single names are only
// restricted to their namespaces; the conditions on rows select the names.
func (s *Searcher) scope(rows map[string]sqlquery.Rows) string {
	words := map[string]bool{}
	everywhere, inEach := 0, map[string]int{}
	for _, kind := range s.kinds {
		r, allowed := rows[kind.Resource]
		if !allowed {
			continue
		}
		namespaces := slices.Concat(r.Namespaces, slices.Collect(maps.Keys(r.Names)))
		switch {
		case r.Within != nil:
			namespaces = []string{*r.Within}
		case r.All, len(r.Everywhere) > 0:
			words[readmodel.Scope(kind.Name, "")] = true
			everywhere++
			continue
		}
		slices.Sort(namespaces)
		for _, namespace := range slices.Compact(namespaces) {
			words[readmodel.Scope(kind.Name, namespace)] = true
			inEach[namespace]++
		}
	}
	if everywhere == len(s.kinds) {
		return ""
	}
	for namespace, kinds := range inEach { // one word for all kinds of a namespace
		if kinds < len(s.kinds) {
			continue
		}
		for name := range s.kinds {
			delete(words, readmodel.Scope(name, namespace))
		}
		words[readmodel.Scope("", namespace)] = true
	}
	if len(words) > maxScopes {
		return ""
	}
	return "scope : (" + strings.Join(slices.Sorted(maps.Keys(words)), " OR ") + ")"
}
