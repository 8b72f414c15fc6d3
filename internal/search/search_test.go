package search

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/readmodel"
	"github.com/mckinsey/ark-server/internal/sqlquery"
)

// fixed is a Source that never changes.
type fixed []readmodel.Change

func (fixed) ID() string      { return "fixed" }
func (fixed) Revision() int64 { return 7 }
func (f fixed) Snapshot(context.Context) ([]readmodel.Change, int64, error) {
	return f, 7, nil
}
func (fixed) Next(ctx context.Context, _ int64) ([]readmodel.Change, int64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// texts are inputs of Queries in namespace a, by their names.
var texts = map[string]string{
	"model": "compare gpt-4o with claude", "cpp": "write it in C++ please", "c": "write it in C please", "csharp": "write it in C# please",
	"id": "the field user_id is missing", "uuid": "look at 3f2a8c1e-77b0-4a5e-9d1c-0b6f2f6d1a11 now", "url": "open https://docs.example.com/a/b?x=1 first",
	"german": "Die Müller-Straße ist gesperrt", "cjk": "请帮我代理查询订单", "japanese": "天気を教えてください", "error": "rate limit exceeded for the key",
	"limits": "the limit of the rate", "email": "write to jane.doe@example.com", "wide": "ＧＰＴ model", "cafe": "the café is open", "quote": "what's the retry policy",
}

func open(t testing.TB) *Searcher {
	t.Helper()
	var objects fixed
	for name, text := range texts {
		objects = append(objects, readmodel.Change{Key: readmodel.Prefix + "queries/a/" + name, Revision: 2,
			Value: fmt.Appendf(nil, `{"metadata":{"creationTimestamp":"2026-01-0%dT00:00:00Z"},"spec":{"input":%q,"target":{"type":"agent","name":"weather"}},"status":{"phase":"done"}}`, 1+len(name)%9, text)})
	}
	for i := range 50 {
		objects = append(objects, readmodel.Change{Key: fmt.Sprintf("%squeries/b/hidden%d", readmodel.Prefix, i), Revision: 2,
			Value: []byte(`{"spec":{"input":"rate limit gpt-4o hiddenword"},"status":{"phase":"secretphase"}}`)})
	}
	objects = append(objects, readmodel.Change{Key: readmodel.Prefix + "agents/a/rate", Revision: 2, Value: []byte(`{"spec":{"prompt":"limit everything","description":"an agent"}}`)})
	m, err := readmodel.Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), objects, readmodel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; m.Close() })
	if ok, err := m.WaitFor(t.Context(), 7, 10*time.Second); !ok {
		t.Fatal(err)
	}
	return New(m.Path())
}

func inA() map[string]sqlquery.Rows {
	return map[string]sqlquery.Rows{"queries": {Namespaces: []string{"a"}}, "agents": {Namespaces: []string{"a"}}}
}

func found(r *Result) string {
	var names []string
	for _, item := range r.Items {
		names = append(names, item.Object.Name)
	}
	return strings.Join(names, " ")
}

func TestFinds(t *testing.T) {
	s := open(t)
	for query, want := range map[string]string{
		"gpt-4o": "model", "gpt4o": "model", "GPT-4O": "model", "4o": "model", "c++": "cpp", "c#": "csharp", "cplusplus": "cpp",
		"user_id": "id", "userid": "id", "3f2a8c1e": "uuid", "3f2a8c1e-77b0": "uuid", "3f2a8": "uuid", "docs.example.com": "url",
		"https://docs.example.com/a/b?x=1": "url", "müller": "german", "mueller": "german", "muller": "german", "STRASSE": "german", "straße": "german",
		"代理": "cjk", "代理查": "cjk", "订单": "cjk", "单": "cjk", "天気": "japanese", "jane.doe@example.com": "email", "ＧＰＴ": "wide model", "cafe": "cafe", "café": "cafe",
		"what's": "quote", `"rate limit"`: "error", `"limit of the rate"`: "limits", "rate limit -exceeded": "rate limits", "exceeded OR retry": "error quote",
		"retr*": "quote", "kind:Agent": "rate", "kind:agent limit": "rate", "-kind:Query limit": "rate", "name:cjk": "cjk", "limit phase:done": "error limits", "limit agent:weather kind:Query": "error limits",
		"ns:b": "", "ns:b rate": "", "hiddenword": "", "nothinglikethis": "", "gpt-4o before:2020-01-01": "", "gpt-4o after:2020-01-01": "model",
	} {
		r, err := s.Search(t.Context(), Request{Query: query, Rows: inA(), Limit: 100})
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		got, wanted := strings.Fields(found(r)), strings.Fields(want)
		if !sameSet(got, wanted) || r.Total != int64(len(wanted)) {
			t.Errorf("%s: found %v, %d in all, want %v", query, got, r.Total, wanted)
		}
	}
}

func sameSet(a, b []string) bool {
	set := map[string]bool{}
	for _, one := range a {
		set[one] = true
	}
	for _, one := range b {
		if !set[one] {
			return false
		}
	}
	return len(a) == len(b)
}

// Objects that the caller may not list do not change the answer: no count, facet, score or order.
func TestHiddenObjectsChangeNothing(t *testing.T) {
	s := open(t)
	r, err := s.Search(t.Context(), Request{Query: "rate limit", Rows: inA()})
	if err != nil || r.Total != 3 || fmt.Sprint(r.Facets) != "map[kind:map[Agent:1 Query:2] namespace:map[a:3] phase:map[done:2]]" {
		t.Fatalf("got %v, %v", r, err)
	}
	if r.Items[0].Object.Name != "rate" { // the word is in its name
		t.Errorf("the first is %v", r.Items[0])
	}
	if none, err := s.Search(t.Context(), Request{Query: "rate"}); err != nil || none.Total != 0 || len(none.Items) != 0 || len(none.Facets["kind"]) != 0 {
		t.Errorf("without rights: %v, %v", none, err)
	}
}

// A right on single names finds the objects with these names.
func TestNames(t *testing.T) {
	s := open(t)
	for name, rows := range map[string]sqlquery.Rows{
		"in a namespace": {Names: map[string][]string{"a": {"error", "model"}}}, "in all": {Everywhere: []string{"error"}},
	} {
		r, err := s.Search(t.Context(), Request{Query: "rate limit", Rows: map[string]sqlquery.Rows{"queries": rows}})
		if err != nil || found(r) != "error" || r.Total != 1 {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

func TestPages(t *testing.T) {
	s := open(t)
	for _, sort := range []string{"", "creationTimestamp", "-creationTimestamp"} {
		for _, query := range []string{"the", "kind:Query"} {
			all, err := s.Search(t.Context(), Request{Query: query, Sort: sort, Rows: inA(), Limit: 100})
			if err != nil || len(all.Items) < 3 {
				t.Fatal(all, err)
			}
			var names []string
			for next := ""; ; {
				page, err := s.Search(t.Context(), Request{Query: query, Sort: sort, Rows: inA(), Limit: 2, Continue: next})
				if err != nil || page.Total != all.Total {
					t.Fatal(page, err)
				}
				names = append(names, found(page))
				if next = page.Continue; next == "" {
					break
				}
			}
			if got := strings.Join(names, " "); got != found(all) {
				t.Errorf("%s, %q: pages have %s, want %s", query, sort, got, found(all))
			}
		}
	}
	page, err := s.Search(t.Context(), Request{Query: "the", Rows: inA(), Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	var fault *Error
	if _, err := s.Search(t.Context(), Request{Query: "other", Rows: inA(), Continue: page.Continue}); !errors.As(err, &fault) {
		t.Errorf("another query's continue: %v", err)
	}
}

func TestSnippets(t *testing.T) {
	s := open(t)
	r, err := s.Search(t.Context(), Request{Query: "gpt-4o", Rows: inA()})
	if err != nil || len(r.Items) != 1 || len(r.Items[0].Snippets) != 1 {
		t.Fatal(r, err)
	}
	one := r.Items[0].Snippets[0]
	if at := one.Matches[0]; one.Field != "input" || one.Text[at.Start:at.End] != "gpt-4o" {
		t.Errorf("got %v", one)
	}
}

func TestFaults(t *testing.T) {
	s := open(t)
	for query, want := range map[string]string{
		"": "no word", "   ": "no word", `""`: "no word", "-x": "must not be there", "colour:red": "after, agent, before, deleted, kind, name, ns, phase or user",
		"after:yesterday": "no time", "kind:": "no value", strings.Repeat("x ", 60): "more than 50", strings.Repeat("x", 3000): "more than 2000",
	} {
		_, err := s.Search(t.Context(), Request{Query: query, Rows: inA()})
		var fault *Error
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", query, err, want)
		}
	}
}

var typed = []string{
	"'", `"`, `"unbalanced`, "gpt-4o", "c++", "(a", "foo@bar", "+the", "a AND b", "NOT", "AND", "NEAR(a b)", "title:x", "*", "-", "--", "a*b", "^a", "{a}: b", "a:b:c",
	"OR", "OR OR", "a OR", "\x00", "\xff\xfe", "😀", "a\u0301", "-\"a b\"", ":", "::", "kind:\"", "日", "c++*", "#", "+", "...", "%", "; DROP TABLE fts", `\`,
}

func TestWhateverIsTyped(t *testing.T) {
	s := open(t)
	for _, query := range typed {
		_, err := s.Search(t.Context(), Request{Query: query, Rows: inA()})
		var fault *Error
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("%q: %v", query, err)
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, query := range typed {
		f.Add(query)
	}
	s := open(f)
	f.Fuzz(func(t *testing.T, query string) {
		r, err := s.Search(t.Context(), Request{Query: query, Rows: inA()})
		var fault *Error
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("%q: %v", query, err)
		}
		if strings.Contains(fmt.Sprint(r), "secretphase") && !strings.Contains(query, "secretphase") {
			t.Fatalf("%q: shows %v", query, r)
		}
	})
}
