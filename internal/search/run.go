package search

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/search/token"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

const (
	// MaxLimit is the most items of a page, and DefaultLimit the default.
	MaxLimit     = 200
	DefaultLimit = 20
	// most is how many of the newest matches are sorted by relevance.
	most = 1000
	// maxTime is how long a search may take.
	maxTime = 10 * time.Second
	// parallel is how many searches run concurrently.
	parallel = 4
)

// sorts are the orders of items.
var sorts = map[string]string{"": "", "relevance": "", "-creationTimestamp": "desc", "creationTimestamp": "asc"}

// Request is a search request.
type Request struct {
	Query string
	// Rows are the permitted rows, by resource. Objects of other kinds are not found.
	Rows     map[string]sqlquery.Rows
	Limit    int
	Continue string
	Sort     string
}

// Item is an object that was found.
type Item struct {
	Object   Reference `json:"object"`
	Score    float64   `json:"score"`
	Snippets []Snippet `json:"snippets"`
}

// Reference identifies an object.
type Reference struct {
	APIVersion        string `json:"apiVersion"`
	Kind              string `json:"kind"`
	Namespace         string `json:"namespace,omitempty"`
	Name              string `json:"name"`
	UID               string `json:"uid,omitempty"`
	CreationTimestamp string `json:"creationTimestamp,omitempty"`
	Phase             string `json:"phase,omitempty"`
	// Deleted is true if the object was deleted, and this is its last version.
	Deleted bool `json:"deleted,omitempty"`
}

// Result is a page of the objects that were found.
type Result struct {
	Items    []Item `json:"items"`
	Continue string `json:"continue,omitempty"`
	// Total and Facets count all objects that were found: in total, and by kind, namespace and phase.
	Total  int64                       `json:"total"`
	Facets map[string]map[string]int64 `json:"facets"`
	// Ranked is all, or recent if only the newest were sorted by relevance.
	Ranked string `json:"ranked"`
}

// Searcher searches a model. It is safe for concurrent use.
type Searcher struct {
	path   string
	places chan struct{}
	kinds  map[string]readmodel.Kind // by their names
}

// New returns a searcher on the file of a read model.
func New(path string) *Searcher {
	s := &Searcher{path: path, places: make(chan struct{}, parallel), kinds: map[string]readmodel.Kind{}}
	for _, k := range readmodel.Kinds() {
		s.kinds[k.Name] = k
	}
	return s
}

// position is the end of a page.
type position struct {
	Hash  string  `json:"h"`
	Score float64 `json:"s"`
	At    string  `json:"t,omitempty"`
	ID    int64   `json:"i"`
}

// Search returns a page of the results. An *Error is an error in the request.
func (s *Searcher) Search(ctx context.Context, r Request) (*Result, error) {
	q, err := parse(r.Query)
	if err != nil {
		return nil, err
	}
	direction, known := sorts[r.Sort]
	if !known {
		return nil, &Error{fmt.Sprintf("sort %q is none of relevance, creationTimestamp and -creationTimestamp", r.Sort)}
	}
	if r.Limit <= 0 {
		r.Limit = DefaultLimit
	}
	r.Limit = min(r.Limit, MaxLimit)
	sum := sha256.Sum256([]byte(r.Sort + "\x00" + r.Query))
	after := position{Hash: base64.RawURLEncoding.EncodeToString(sum[:9])}
	if r.Continue != "" {
		text, err := base64.RawURLEncoding.DecodeString(r.Continue)
		var from position
		if err != nil || json.Unmarshal(text, &from) != nil || from.Hash != after.Hash || from.ID == 0 {
			return nil, &Error{"continue is not of this query: begin again without it"}
		}
		after = from
	}
	result := &Result{Items: []Item{}, Facets: map[string]map[string]int64{"kind": {}, "namespace": {}, "phase": {}}, Ranked: "all"}
	if r.Rows = s.narrowed(q, r.Rows); len(r.Rows) == 0 {
		return result, nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other searches: %w", context.Cause(ctx))
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(5000)&_pragma=cache_size(-4096)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // read only: nothing is lost on an error
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // a read-only transaction
	from, values := s.from(q, r.Rows)
	if err := tx.QueryRowContext(ctx, "SELECT count(*)"+from, values...).Scan(&result.Total); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	for _, facet := range []string{"kind", "namespace", "phase"} {
		if result.Facets[facet], err = count(ctx, tx, facet, from, values); err != nil {
			return nil, fmt.Errorf("count by %s: %w", facet, err)
		}
	}
	var page []candidate
	if direction == "" && len(q.groups) > 0 {
		page, err = s.byRelevance(ctx, tx, q, from, values, after)
		if result.Total > most {
			result.Ranked = "recent"
		}
	} else {
		page, err = s.byTime(ctx, tx, direction, r.Limit, from, values, after, q.deleted)
	}
	if err != nil {
		return nil, err
	}
	if len(page) > r.Limit {
		page = page[:r.Limit]
		last := page[len(page)-1]
		after.Score, after.ID, after.At = last.score, last.id, last.item.Object.CreationTimestamp
		text, err := json.Marshal(after)
		if err != nil {
			return nil, err
		}
		result.Continue = base64.RawURLEncoding.EncodeToString(text)
	}
	terms := positive(q)
	for _, c := range page {
		c.item.Score, c.item.Snippets = c.score, []Snippet{}
		for i, field := range []string{"name", "description", "input", "output"} {
			if one, ok := snippet(field, c.texts[i], terms); ok {
				c.item.Snippets = append(c.item.Snippets, one)
			}
		}
		result.Items = append(result.Items, c.item)
	}
	return result, nil
}

// from returns the part of a statement that selects the objects that are found.
func (s *Searcher) from(q *query, rows map[string]sqlquery.Rows) (string, []any) {
	allowed, past := []string{"0"}, rows[readmodel.Revisions]
	for _, name := range slices.Sorted(maps.Keys(s.kinds)) {
		if r, ok := rows[s.kinds[name].Resource]; ok {
			allowed = append(allowed, "(kind = '"+name+"' AND "+r.Condition()+")")
		}
	}
	from, values := " FROM objects o", []any{}
	where := " WHERE (" + strings.Join(allowed, " OR ") + ")"
	if len(q.groups) > 0 {
		from = " FROM fts JOIN objects o ON o.id = fts.rowid"
		where += " AND fts MATCH ?"
		match := "{title description input output} : (" + q.match() + ")"
		if scope := s.scope(rows); scope != "" {
			match += " AND " + scope
		}
		values = append(values, match)
	}
	if q.deleted {
		where += " AND o.life > 0 AND " + past.History("o.namespace") + " AND NOT EXISTS (SELECT 1 FROM objects n WHERE n.kind = o.kind AND n.namespace = o.namespace AND n.name = o.name AND (n.life = 0 OR n.life > o.life))"
	} else {
		where += " AND o.life = 0"
	}
	for _, f := range q.filters {
		if f.column == "user" {
			not := map[bool]string{true: "NOT "}[f.negative]
			where += " AND " + past.History("o.namespace") + " AND " + not + "EXISTS (SELECT 1 FROM c_revisions r WHERE r.kind = o.kind AND r.namespace = o.namespace AND r.name = o.name AND r.user_name = ?)"
			values = append(values, f.value)
			continue
		}
		not := ""
		if f.negative {
			not = "NOT "
		}
		where += " AND " + not + "coalesce(o." + f.column + ", '') " + f.operator + " ?"
		if f.operator == "=" {
			where += " COLLATE NOCASE"
		}
		values = append(values, f.value)
	}
	return from + where, values
}

func count(ctx context.Context, tx *sql.Tx, column, from string, values []any) (map[string]int64, error) {
	rows, err := tx.QueryContext(ctx, "SELECT o."+column+", count(*)"+from+" AND coalesce(o."+column+", '') <> '' GROUP BY 1 ORDER BY 2 DESC LIMIT 100", values...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	counts := map[string]int64{}
	for rows.Next() {
		var value string
		var n int64
		if err := rows.Scan(&value, &n); err != nil {
			return nil, err
		}
		counts[value] = n
	}
	return counts, rows.Err()
}

func (s *Searcher) byRelevance(ctx context.Context, tx *sql.Tx, q *query, from string, values []any, after position) ([]candidate, error) {
	found, err := s.read(ctx, tx, from+" ORDER BY o.id DESC LIMIT ?", append(values, most), q.deleted)
	if err != nil {
		return nil, err
	}
	rank(found, positive(q))
	if after.ID != 0 {
		found = slices.DeleteFunc(found, func(c candidate) bool {
			return c.score > after.Score || c.score == after.Score && c.id >= after.ID
		})
	}
	return found, nil
}

func (s *Searcher) byTime(ctx context.Context, tx *sql.Tx, direction string, limit int, from string, values []any, after position, deleted bool) ([]candidate, error) {
	if direction == "" {
		direction = "desc"
	}
	if after.ID != 0 {
		sign := map[string]string{"asc": ">", "desc": "<"}[direction]
		from += " AND (coalesce(o.created_at, ''), o.id) " + sign + " (?, ?)"
		values = append(values, after.At, after.ID)
	}
	return s.read(ctx, tx, from+" ORDER BY coalesce(o.created_at, '') "+direction+", o.id "+direction+" LIMIT ?", append(values, limit+1), deleted)
}

// read returns objects with their texts.
func (s *Searcher) read(ctx context.Context, tx *sql.Tx, from string, values []any, deleted bool) ([]candidate, error) {
	rows, err := tx.QueryContext(ctx, "SELECT o.id, o.kind, o.namespace, o.name, coalesce(o.created_at, ''), coalesce(o.phase, '')"+from, values...)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	var found []candidate
	for rows.Next() {
		var c candidate
		o := &c.item.Object
		if err := rows.Scan(&c.id, &o.Kind, &o.Namespace, &o.Name, &o.CreationTimestamp, &o.Phase); err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for i := range found {
		c := &found[i]
		kind := s.kinds[c.item.Object.Kind]
		c.item.Object.APIVersion = kind.Group + "/" + kind.Version
		var texts [3]string
		columns := ""
		for i, column := range kind.Texts() {
			columns += strings.Repeat(", ", min(i, 1)) + "coalesce(" + column + ", '')"
		}
		statement := "SELECT coalesce(uid, ''), " + columns + " FROM " + kind.Table() + " WHERE id = ?"
		if deleted {
			statement = "SELECT coalesce(uid, ''), description, input, output FROM deleted WHERE id = ?"
			c.item.Object.Deleted = true
		}
		err := tx.QueryRowContext(ctx, statement, c.id).
			Scan(&c.item.Object.UID, &texts[0], &texts[1], &texts[2])
		if err != nil {
			return nil, fmt.Errorf("read a text: %w", err)
		}
		c.texts = [4]string{c.item.Object.Name, texts[0], texts[1], texts[2]}
	}
	return found, nil
}

// positive returns the terms that must occur.
func positive(q *query) []term {
	var all []term
	for _, g := range q.groups {
		for _, t := range g {
			if !t.negative {
				all = append(all, t)
			}
		}
	}
	return all
}

// indexed returns the words of a text.
func indexed(text string) map[string]bool {
	words := map[string]bool{}
	for _, word := range token.Index(text) {
		words[word] = true
	}
	return words
}
