package search

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/readmodel"
)

// judgement is a query with the subject of the objects that it should find.
type judgement struct{ group, query, subject string }

func judgements(t *testing.T) (all []judgement) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "judged.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
			parts := strings.Split(line, " | ")
			if len(parts) != 3 {
				t.Fatalf("%q has no three parts", line)
			}
			all = append(all, judgement{parts[0], parts[1], parts[2]})
		}
	}
	return all
}

// near are texts about something else that resemble the subjects.
var near = []string{
	"C", "c", "cc", "gpt-4.1", "gpt-35", "4o", "user", "id of a user", "idx", "7f3a", "7f3b91c2-0000-4bde-9c01-2f6d8e7a1b30", "https://api.example.com/v1/orders",
	"https://api.example.org/v2", "text embedding", "embedding-3-large", "claude-2", "tokens at max", "js", "node", "request", "v1.28.4", "10.20.30.4", "adam@example.com", "HTTP",
	"Kunde", "Frist", "Strand", "Weisung", "Zahlung", "天", "東", "京都府", "学生", "機械", "데이터", "policy of refunds elsewhere", "delayed", "revenue", "limit", "rate", "forecast",
	"contract", "meeting", "detection", "prediction", "request for leave", "shortage", "menu", "checklist", "incident", "upgrade", "migration", "reset", "overdue",
}

const filler = "please answer briefly and politely with the facts that the tools return and say which source they come from when nothing is known then ask back"

// corpus returns 10,000 objects. Those about a subject have it in a prompt, an input or an answer
// between other words; each subject has nine. It also returns their names by subject.
func corpus(all []judgement) (objects fixed, about map[string]map[string]bool) {
	const size = 10_000
	r := rand.New(rand.NewPCG(4, 2))
	words := strings.Fields(filler)
	say := func(n int) string {
		var some []string
		for range n {
			some = append(some, words[r.IntN(len(words))])
		}
		return strings.Join(some, " ")
	}
	var subjects []string
	about = map[string]map[string]bool{}
	for _, j := range all {
		if about[j.subject] == nil {
			about[j.subject] = map[string]bool{}
			subjects = append(subjects, j.subject)
		}
	}
	for i := range size {
		name, subject := fmt.Sprintf("o%d", i), near[r.IntN(len(near))]
		if i < 9*len(subjects) {
			subject = subjects[i%len(subjects)]
			about[subject][name] = true
		}
		text := say(5+r.IntN(40)) + " " + subject + " " + say(5+r.IntN(40))
		switch r.IntN(4) {
		case 0:
			objects = append(objects, change("agents", name, map[string]any{"spec": map[string]any{"prompt": text, "description": say(6)}}))
		case 1:
			objects = append(objects, change("tools", name, map[string]any{"spec": map[string]any{"description": text}}))
		case 2:
			objects = append(objects, change("queries", name, map[string]any{"spec": map[string]any{"input": text}}))
		default:
			objects = append(objects, change("queries", name, map[string]any{"spec": map[string]any{"input": say(9)}, "status": map[string]any{"response": map[string]any{"content": text}}}))
		}
	}
	r.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
	return objects, about
}

// TestJudged measures the results of queries with known relevant objects: precision at 5, and
// recall, by group.
func TestJudged(t *testing.T) {
	all := judgements(t)
	if len(all) < 60 {
		t.Fatalf("there are %d judgements, want sixty", len(all))
	}
	objects, about := corpus(all)
	m, err := readmodel.Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), objects, readmodel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; m.Close() })
	if ok, err := m.WaitFor(t.Context(), objects.Revision(), 5*time.Minute); !ok {
		t.Fatal(err)
	}
	s, rows := New(m.Path()), inA()
	rows["tools"] = rows["agents"]
	type sums struct{ precision, recall, n float64 }
	groups := map[string]*sums{}
	for _, j := range all {
		result, err := s.Search(t.Context(), Request{Query: j.query, Rows: rows, Limit: MaxLimit})
		if err != nil {
			t.Errorf("%q: %v", j.query, err)
			continue
		}
		first, found := 0, 0
		for i, item := range result.Items {
			if about[j.subject][item.Object.Name] {
				if found++; i < 5 {
					first++
				}
			}
		}
		precision, recall := float64(first)/5, float64(found)/float64(len(about[j.subject]))
		if precision < 1 || recall < 1 {
			t.Logf("%s %q: precision at 5 is %.2f, recall %.2f of %d found", j.group, j.query, precision, recall, result.Total)
		}
		if groups[j.group] == nil {
			groups[j.group] = &sums{}
		}
		g := groups[j.group]
		g.precision, g.recall, g.n = g.precision+precision, g.recall+recall, g.n+1
	}
	for name, g := range groups {
		precision, recall := g.precision/g.n, g.recall/g.n
		t.Logf("%s: %.0f queries, precision at 5 %.2f, recall %.2f", name, g.n, precision, recall)
		if precision < 0.9 || recall < 0.9 {
			t.Errorf("%s: precision at 5 is %.2f and recall %.2f, want at least 0.9", name, precision, recall)
		}
	}
}

func change(resource, name string, object map[string]any) readmodel.Change {
	value, err := json.Marshal(object)
	if err != nil {
		panic(err) // it consists of strings
	}
	return readmodel.Change{Key: readmodel.Prefix + resource + "/a/" + name, Value: value, Revision: 5}
}
