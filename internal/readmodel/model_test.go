package readmodel

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// memory is a Source with an in-memory log of changes. Compaction drops the beginning of the log.
type memory struct {
	mu        sync.Mutex
	id        string
	revision  int64
	compacted int64
	log       []Change
	live      map[string]Change
	// versions are those of the history, oldest first.
	versions []Version
}

func newMemory() *memory {
	return &memory{id: "one", revision: 1, live: map[string]Change{}}
}

func (m *memory) put(key string, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	c := Change{Key: key, Value: value, Revision: m.revision}
	m.log = append(m.log, c)
	if resource, namespace, name, err := parseKey(key); err == nil {
		was, there := m.live[key]
		if value != nil || there {
			v := Version{Resource: resource, Namespace: namespace, Name: name, UID: "u", Revision: m.revision, Verb: "update",
				User: fmt.Sprint("user", m.revision%3), Deleted: value == nil, Time: time.Unix(m.revision, 0)}
			if v.Deleted {
				v.Object = was.Value
			}
			m.versions = append(m.versions, v)
		}
	}
	if value == nil {
		delete(m.live, key)
	} else {
		m.live[key] = c
	}
}

func (m *memory) compact() { m.mu.Lock(); defer m.mu.Unlock(); m.compacted, m.log = m.revision, nil }

func (m *memory) ID() string      { return m.id }
func (m *memory) Revision() int64 { m.mu.Lock(); defer m.mu.Unlock(); return m.revision }

func (m *memory) Snapshot(context.Context) ([]Change, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Change
	for _, c := range m.live {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Change) int { return strings.Compare(a.Key, b.Key) })
	return all, m.revision, nil
}

func (m *memory) Next(ctx context.Context, after int64) ([]Change, int64, error) {
	for ctx.Err() == nil {
		m.mu.Lock()
		if after < m.compacted {
			m.mu.Unlock()
			return nil, 0, ErrGone
		}
		if m.revision > after {
			var changes []Change
			for _, c := range m.log {
				if c.Revision > after {
					changes = append(changes, c)
				}
			}
			defer m.mu.Unlock()
			return changes, m.revision, nil
		}
		m.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	return nil, 0, ctx.Err()
}

// Versions implements Past.
func (m *memory) Versions(_ context.Context, after int64, limit int) (some []Version, through int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range m.versions {
		if v.Revision <= after {
			continue
		}
		if len(some) == min(limit, 7) { // pages are small
			return some, some[len(some)-1].Revision, nil
		}
		some = append(some, v)
	}
	return some, m.revision, nil
}

// retain removes some versions from the history.
func (m *memory) retain(r *rand.Rand) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.versions = slices.DeleteFunc(m.versions, func(Version) bool { return r.IntN(4) == 0 })
}

// change makes a random change.
func (m *memory) change(r *rand.Rand) {
	kind := Kinds()[r.IntN(3)].Resource // few kinds, so that keys repeat
	key := fmt.Sprintf("%s%s/ns%d/o%d", Prefix, kind, r.IntN(3), r.IntN(6))
	switch r.IntN(12) {
	case 0, 1, 2:
		m.put(key, nil)
	case 3:
		m.put(key, []byte("k8s:enc:aescbc:v1:key1:\x00\x01")) // encrypted at rest
	case 4:
		m.put("/registry/ark.mckinsey.com/unknown/x/y", []byte(`{}`))
	default:
		m.put(key, fmt.Appendf(nil, `{"metadata":{"uid":"u%d","namespace":"forged","labels":{"team":"t%d","x":"\u0000"}},
			"spec":{"prompt":"p%d","input":["a",%d],"target":{"type":"agent","name":"a"},"tools":[{"name":"t"}]},
			"status":{"response":{"raw":"[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"t\",\"arguments\":\"{}\"}}]}]"},"phase":"done","duration":"1m2.5s","tokenUsage":{"totalTokens":%d},"conditions":[{"type":"Ready","status":"True"}]}}`,
			r.IntN(100), r.IntN(3), r.IntN(9), r.IntN(9), r.IntN(1000)))
	}
}

// contentsOf returns all rows, without ids, which depend on earlier rows.
func contentsOf(t *testing.T, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tables := map[string]string{"c_labels": "kind, namespace, name, key, value", "c_conditions": "kind, namespace, name, type, status, reason, message, changed_at", "c_messages": "kind, namespace, name, position, role, sender, content, conversation_id, session_id, created_at", "c_tool_calls": "kind, namespace, name, position, call_id, tool, arguments, agent, conversation_id, created_at", "objects": "kind, namespace, name, life, created_at, phase, agent",
		"c_revisions":                     "kind, namespace, name, uid, revision, verb, user_name, deleted, at",
		"objects JOIN deleted USING (id)": "kind, namespace, name, revision, uid, description, input, output",
	}
	for _, k := range Kinds() {
		columns := []string{"revision"}
		for _, c := range k.Columns {
			columns = append(columns, c.Name)
		}
		tables[k.Table()] = strings.Join(columns, ", ")
	}
	var all []string
	for table, columns := range tables {
		rows, err := db.Query("SELECT " + "quote(" + strings.ReplaceAll(columns, ", ", ") || '|' || quote(") + ") FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			all = append(all, table+": "+s)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
	}
	slices.Sort(all)
	return all
}

// run opens a model, lets it catch up and closes it.
func run(t *testing.T, path string, source *memory) Status {
	t.Helper()
	m, err := Open(t.Context(), path, source, Options{Past: source})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	ok, err := m.WaitFor(ctx, source.Revision(), 20*time.Second)
	ok = m.WaitForPast(ctx, source.Revision(), 20*time.Second) && ok
	if ok {
		err = m.compare(ctx)
	}
	cancel()
	<-done
	if err != nil || !ok {
		t.Fatalf("the model did not catch up: %v", err)
	}
	return m.Status()
}

func TestBuiltStepByStepEqualsBuiltAtOnce(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		source, path := newMemory(), filepath.Join(t.TempDir(), "model.db")
		for range 12 {
			for range r.IntN(40) {
				source.change(r)
			}
			if r.IntN(5) == 0 {
				source.compact()
			}
			if r.IntN(3) == 0 {
				source.retain(r)
			}
			run(t, path, source)
		}
		anew := filepath.Join(t.TempDir(), "anew.db")
		if s := run(t, anew, source); s.Rebuilds != 1 {
			t.Fatalf("seed %d: built %d times, want 1", seed, s.Rebuilds)
		}
		got, want := contentsOf(t, path), contentsOf(t, anew)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: step by step\n%s\nat once\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if len(want) == 0 {
			t.Fatalf("seed %d: nothing was compared", seed)
		}
	}
}

func TestKeptAndBuiltAgain(t *testing.T) {
	source, path, r := newMemory(), filepath.Join(t.TempDir(), "model.db"), rand.New(rand.NewPCG(1, 2))
	for range 50 {
		source.change(r)
	}
	steps := []struct {
		name   string
		change func()
		builds int
	}{
		{"new", func() {}, 1},
		{"unchanged", func() {}, 0},
		{"changed while it was off", func() { source.change(r) }, 0},
		{"compacted beyond the checkpoint", func() { source.change(r); source.compact() }, 1},
		{"another storage", func() { source.id = "two" }, 1},
		{"a storage that was set back", func() {
			source.revision -= 10
			source.compacted = 0
			source.versions = slices.DeleteFunc(source.versions, func(v Version) bool { return v.Revision > source.revision })
		}, 1},
		{"damaged", func() {
			if err := os.WriteFile(path, append([]byte("SQLite format 3\x00"), make([]byte, 4000)...), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}, 1},
	}
	for _, step := range steps {
		step.change()
		if got := run(t, path, source).Rebuilds; got != step.builds {
			t.Errorf("%s: built %d times, want %d", step.name, got, step.builds)
		}
		anew := filepath.Join(t.TempDir(), "anew.db")
		run(t, anew, source)
		if got, want := contentsOf(t, path), contentsOf(t, anew); !slices.Equal(got, want) {
			t.Errorf("%s: the model differs from one built at once:\n%s\nwant\n%s", step.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v (%v), want 0600", info.Mode(), err)
	}
}

func TestForeignFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE precious(x); INSERT INTO precious VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	before, _ := os.ReadFile(path)
	if m, err := Open(t.Context(), path, newMemory(), Options{}); err == nil {
		m.Close()
		t.Fatal("another program's database was opened")
	}
	if after, _ := os.ReadFile(path); string(before) != string(after) {
		t.Fatal("another program's database was changed")
	}
}

// No column can contain a credential, wherever it is in an object.
func TestCredentialsStayOut(t *testing.T) {
	const secret = "s3cr3t"
	source, path := newMemory(), filepath.Join(t.TempDir(), "model.db")
	value := `{"value":"` + secret + `"}`
	for _, k := range Kinds() {
		source.put(Prefix+k.Resource+"/a/b", fmt.Appendf(nil, `{"metadata":{"annotations":{"a":%q}},"spec":{"address":%[2]s,"headers":[{"name":"A","value":%[2]s}],
			"config":{"openai":{"apiKey":%[2]s,"baseUrl":%[2]s,"properties":{"p":%[2]s}}},"overrides":[{"headers":[{"name":"A","value":%[2]s}]}],
			"parameters":[{"name":"p","value":%[1]q}],"http":{"url":"https://x?k=%[3]s","headers":[{"name":"A","value":%[2]s}],"body":%[1]q}},
			"status":{"resolvedAddress":"https://u:%[3]s@h/?key=%[3]s","lastResolvedAddress":"https://u:%[3]s@h/"}}`, secret, value, secret))
	}
	run(t, path, source)
	all := strings.Join(contentsOf(t, path), "\n")
	if strings.Contains(all, secret) {
		t.Errorf("the model holds a credential:\n%s", all)
	}
	if !strings.Contains(all, "https://h/") {
		t.Error("addresses are missing, so this test tells nothing")
	}
}

// If a process is killed at any moment, its file can catch up.
func TestKilled(t *testing.T) {
	const variable = "READMODEL_KILLED"
	if path := os.Getenv(variable); path != "" {
		source, r := newMemory(), rand.New(rand.NewPCG(7, 7))
		for range 3000 {
			source.change(r)
		}
		m, err := Open(t.Context(), path, source, Options{Past: source})
		if err != nil {
			t.Fatal(err)
		}
		go m.Run(t.Context())
		fmt.Println("running")
		for {
			source.change(r)
			time.Sleep(100 * time.Microsecond)
		}
	}
	path := filepath.Join(t.TempDir(), "model.db")
	for i := range 5 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), variable+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = out.Read(make([]byte, 8))
		time.Sleep(time.Duration(i*i*5) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // an error is expected: it was killed
		source, r := newMemory(), rand.New(rand.NewPCG(7, 7))
		for range 3200 {
			source.change(r)
		}
		run(t, path, source)
		anew := filepath.Join(t.TempDir(), "anew.db")
		run(t, anew, source)
		if !slices.Equal(contentsOf(t, path), contentsOf(t, anew)) {
			t.Fatalf("killed after %d ms: the model differs from one built at once", i*i*5)
		}
	}
}

// A model without room falls behind, keeps its rows, and continues once it has room.
func TestBoundedSize(t *testing.T) {
	source, path := newMemory(), filepath.Join(t.TempDir(), "model.db")
	put := func(from, to int) {
		for i := from; i < to; i++ {
			source.put(fmt.Sprintf("%squeries/a/q%d", Prefix, i), fmt.Appendf(nil, `{"spec":{"input":"%s"}}`, strings.Repeat(fmt.Sprintf("%050d ", i), 200)))
		}
	}
	put(0, 10)
	run(t, path, source)
	put(10, 150)
	const most = 1 << 20
	m, err := Open(t.Context(), path, source, Options{MaxBytes: most})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	if ok, err := m.WaitFor(ctx, source.Revision(), 500*time.Millisecond); ok || err != nil {
		t.Errorf("a model without room has caught up: %v %v", ok, err)
	}
	if s := m.Stats(); s.Rows != 10 || s.Newest-s.Revision != 140 || !s.Ready || s.Behind.IsZero() {
		t.Errorf("the model without room is %+v, want 10 rows and 140 revisions behind", s)
	}
	cancel()
	<-done
	m.Close()
	if info, err := os.Stat(path); err != nil || info.Size() > most {
		t.Errorf("the file has %d bytes (%v), want at most %d", info.Size(), err, most)
	}
	if s := run(t, path, source); s.Rows != 150 || s.Rebuilds != 0 {
		t.Errorf("with room: %+v, want 150 rows and no rebuild", s)
	}
}

// An object that changes often is written only from time to time, and a caller that waits for it
// does not wait that long.
func TestChangesGather(t *testing.T) {
	source := newMemory()
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), source, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; m.Close() })
	show := func(revision int64) {
		t.Helper()
		if ok, err := m.WaitFor(ctx, revision, 10*time.Second); !ok || err != nil {
			t.Fatalf("the model does not show revision %d: %v", revision, err)
		}
	}
	show(source.Revision())
	writings := func() (n int) {
		seen := m.Status().Revision
		for i := range 300 {
			source.put(Prefix+"queries/a/q", fmt.Appendf(nil, `{"spec":{"input":"%d"}}`, i))
			time.Sleep(time.Millisecond)
			if now := m.Status().Revision; now != seen {
				n, seen = n+1, now
			}
		}
		return n
	}
	if n := writings(); n > 3 {
		t.Errorf("300 changes of one object within %v were written %d times", gather, n)
	}
	begin := time.Now()
	const times = 20
	for range times {
		source.put(Prefix+"queries/a/q", []byte(`{}`))
		show(source.Revision())
	}
	if took := time.Since(begin); took > times*gather/2 {
		t.Errorf("%d waits took %v, as if each had waited for more changes", times, took)
	}
}

// Versions do not displace objects: the oldest versions are removed.
func TestBoundedPast(t *testing.T) {
	source, path := newMemory(), filepath.Join(t.TempDir(), "model.db")
	for i := range 9000 {
		source.put(fmt.Sprintf("%sagents/a/a%d", Prefix, i%10), fmt.Appendf(nil, `{"spec":{"prompt":"%d"}}`, i))
	}
	const most = 1 << 20
	m, err := Open(t.Context(), path, source, Options{MaxBytes: most, Past: source})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; m.Close() })
	if ok, err := m.WaitFor(ctx, source.Revision(), 20*time.Second); !ok || err != nil {
		t.Fatalf("the objects are behind: %v", err)
	}
	if !m.WaitForPast(ctx, source.Revision(), 60*time.Second) {
		t.Fatalf("the versions are behind: %+v", m.Status())
	}
	var rows, oldest, newest int64
	if err := m.db.QueryRow(`SELECT count(*), min(revision), max(revision) FROM c_revisions`).Scan(&rows, &oldest, &newest); err != nil {
		t.Fatal(err)
	}
	if rows == 9000 || rows < 500 || newest != source.Revision() || oldest < 1000 {
		t.Errorf("%d versions, of revisions %d to %d of %d", rows, oldest, newest, source.Revision())
	}
}
