package search

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/search/token"
)

// Error is an error in a query.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// The language:
//
//	query  = group { "OR" group } .
//	group  = term { term } .                 all of them
//	term   = [ "-" ] ( word | phrase | field ) .
//	word   = characters without white space, with a trailing "*" for a prefix .
//	phrase = `"` characters `"` .
//	field  = name ":" ( word | phrase ) .
//	name   = "kind" | "ns" | "name" | "phase" | "agent" | "after" | "before" | "user" | "deleted" .
//
// Fields apply to the whole query, even if it contains OR.

// term is a word or a phrase.
type term struct {
	sequence []string
	whole    string
	prefix   bool
	negative bool
}

// query is a parsed query.
type query struct {
	groups  [][]term
	filters []filter
	// deleted selects deleted objects instead of live ones.
	deleted bool
}

// filter is a condition on a column of the objects.
type filter struct {
	column, operator string
	value            string
	negative         bool
}

// fieldColumns are the fields that a query may use.
var fieldColumns = map[string]string{
	"kind": "kind", "ns": "namespace", "namespace": "namespace", "name": "name", "phase": "phase", "agent": "agent", "after": "created_at", "before": "created_at",
	"user": "user", "deleted": "deleted",
}

const (
	maxQuery = 2000
	maxTerms = 50
)

func parse(text string) (*query, error) {
	if len(text) > maxQuery {
		return nil, &Error{fmt.Sprintf("the query has %d bytes, more than %d", len(text), maxQuery)}
	}
	q, group, count, asked := &query{}, []term{}, 0, false
	for _, part := range parts(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", " "), " ")) {
		if count++; count > maxTerms {
			return nil, &Error{fmt.Sprintf("the query has more than %d terms", maxTerms)}
		}
		if part == "OR" {
			if len(group) > 0 {
				q.groups, group = append(q.groups, group), []term{}
			}
			continue
		}
		body, negative := strings.CutPrefix(part, "-")
		if f, is, err := fieldOf(body, negative); err != nil {
			return nil, err
		} else if is && f.column == "deleted" {
			if f.value != "true" && f.value != "false" {
				return nil, &Error{fmt.Sprintf("deleted:%s is not valid: use deleted:true or deleted:false", f.value)}
			}
			q.deleted, asked = (f.value == "true") != f.negative, true
			continue
		} else if is {
			q.filters = append(q.filters, f)
			continue
		}
		t := term{negative: negative}
		body, t.prefix = strings.CutSuffix(body, "*")
		quoted := strings.HasPrefix(body, `"`)
		t.sequence, t.whole = token.Query(strings.Trim(body, `"`))
		if quoted && strings.ContainsAny(strings.TrimSpace(strings.Trim(body, `"`)), " \t\n") {
			t.whole = ""
		}
		if len(t.sequence) > 0 || t.whole != "" {
			group = append(group, t)
		}
	}
	if len(group) > 0 {
		q.groups = append(q.groups, group)
	}
	for _, g := range q.groups {
		if !slices.ContainsFunc(g, func(t term) bool { return !t.negative }) {
			return nil, &Error{"there are only words that must not be there: add one that must, or a field such as kind:Query"}
		}
	}
	if len(q.groups) == 0 && len(q.filters) == 0 && !asked {
		return nil, &Error{"there is no word to look for"}
	}
	return q, nil
}

// UsesHistory reports whether a query needs the history: it asks for the writer of an object, or
// for deleted objects.
func UsesHistory(text string) bool {
	q, err := parse(text)
	return err == nil && (q.deleted || slices.ContainsFunc(q.filters, func(f filter) bool { return f.column == "user" }))
}

// parts splits a query at white space outside quotes.
func parts(text string) []string {
	var all []string
	var part strings.Builder
	quoted := false
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
			part.WriteRune(r)
		case !quoted && strings.ContainsRune(" \t\r\n　", r):
			all = append(all, part.String())
			part.Reset()
		default:
			part.WriteRune(r)
		}
	}
	all = append(all, part.String())
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// fieldOf parses name:value. A part that is not of this form although it has a colon, such as a URL
// or a time, is a word.
func fieldOf(part string, negative bool) (f filter, is bool, err error) {
	name, value, found := strings.Cut(part, ":")
	if !found || name == "" || strings.IndexFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) >= 0 || strings.HasPrefix(value, "//") {
		return f, false, nil
	}
	column, known := fieldColumns[name]
	if !known {
		return f, false, &Error{fmt.Sprintf("there is no field %q: use after, agent, before, deleted, kind, name, ns, phase or user, or put the word in quotes", name)}
	}
	value = strings.Trim(value, `"`)
	if value == "" {
		return f, false, &Error{fmt.Sprintf("the field %s has no value", name)}
	}
	f = filter{column: column, operator: "=", value: value, negative: negative}
	if name == "after" || name == "before" {
		at, err := time.Parse(time.DateOnly, value)
		if err != nil {
			if at, err = time.Parse(time.RFC3339, value); err != nil {
				return f, false, &Error{fmt.Sprintf("%s:%s is no time: use 2026-01-31 or 2026-01-31T12:00:00Z", name, value)}
			}
		}
		f.value, f.operator = at.UTC().Format(time.RFC3339), ">="
		if name == "before" {
			f.operator = "<"
		}
	}
	return f, true, nil
}

// match returns the query in FTS5's syntax. All its words are quoted.
func (q *query) match() string {
	var groups []string
	for _, g := range q.groups {
		var with, without []string
		for _, t := range g {
			if t.negative {
				without = append(without, t.match())
			} else {
				with = append(with, t.match())
			}
		}
		one := "(" + strings.Join(with, " AND ") + ")"
		for _, w := range without {
			one = "(" + one + " NOT " + w + ")"
		}
		groups = append(groups, one)
	}
	return strings.Join(groups, " OR ")
}

func (t term) match() string {
	var forms []string
	if len(t.sequence) > 0 {
		form := `"` + strings.Join(t.sequence, " ") + `"`
		if t.prefix || t.short() {
			form += "*"
		}
		forms = append(forms, form)
	}
	if t.whole != "" {
		form := `"` + t.whole + `"`
		if t.prefix {
			form += "*"
		}
		forms = append(forms, form)
	}
	if t.exact() { // c++ is different from c
		forms = forms[1:]
	}
	return "(" + strings.Join(forms, " OR ") + ")"
}

// exact reports whether the separators matter, because the word without them is a single letter.
func (t term) exact() bool {
	return t.whole != "" && len(t.sequence) == 1 && len([]rune(t.sequence[0])) == 1
}

// short reports whether the last word may be a prefix: of an id, or one character of a script
// without spaces.
func (t term) short() bool {
	last := t.sequence[len(t.sequence)-1]
	return len([]rune(last)) == 1 && last[0] >= 0x80 || len(last) >= 4 && strings.ContainsAny(last, "0123456789")
}
