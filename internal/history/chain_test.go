package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// chainedWorld returns a world whose history has a chain, with versions that a policy and a purge
// have removed.
func chainedWorld(t *testing.T) *world {
	t.Helper()
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	w := newWorld(t)
	w.open()
	for range 20 { // without a chain
		w.write(r)
	}
	w.archiveAll()
	w.close()
	w.chained = true
	w.open()
	for i := range 120 {
		w.write(r)
		if i%15 == 0 {
			w.archiveAll()
		}
	}
	w.archiveAll()
	if _, err := w.archive.Retain(t.Context(), Policy{Rules: []Rule{{Namespaces: []string{"ns0"}, Versions: 5}}}, time.Now().Add(time.Hour), false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.archive.Purge(t.Context(), Target{User: "user1"}); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		w.write(r)
	}
	w.archiveAll()
	return w
}

func (w *world) verify(kept ...Head) Verification {
	w.t.Helper()
	v, err := w.archive.Verify(w.t.Context(), kept)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// rowsOf returns all rows of a side table, in order.
func (w *world) rowsOf(table string) []mvcc.SideRow {
	w.t.Helper()
	page, err := w.store.Side().Page(w.t.Context(), mvcc.SideQuery{SideSpan: mvcc.SideSpan{Table: table}, MaxBytes: mvcc.MaxSideData})
	if err != nil || page.More {
		w.t.Fatal(page.More, err)
	}
	return page.Rows
}

// replace rewrites a key's rows, as an attacker with write access to the database could.
func (w *world) replace(old mvcc.SideRow, with ...mvcc.SideRow) {
	w.t.Helper()
	if _, _, err := w.store.Side().Delete(w.t.Context(), mvcc.SideKey(old.Table, old.Key), time.Time{}, mvcc.MaxSideRows); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.Side().Append(w.t.Context(), with...); err != nil {
		w.t.Fatal(err)
	}
}

// forge returns a row in which one of the versions has been changed.
func forge(t *testing.T, row mvcc.SideRow, change func(*record)) mvcc.SideRow {
	t.Helper()
	key, _, err := cutRevision(row.Key)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := refOf(key)
	if err != nil {
		t.Fatal(err)
	}
	records, err := decodeRow(ref, row.Data)
	if err != nil {
		t.Fatal(err)
	}
	change(&records[len(records)-1])
	if row.Data, err = encodeRow(records); err != nil {
		t.Fatal(err)
	}
	return row
}

// TestChain checks that an intact chain is verified, including versions that a policy and a purge
// have removed and versions from before the chain; and that every change, removal, exchange or
// truncation in any table is found.
func TestChain(t *testing.T) {
	w := chainedWorld(t)
	v := w.verify()
	if v.Break != "" || v.Versions == 0 || v.Removed == 0 || v.Unchained == 0 {
		t.Fatalf("the intact chain: %+v", v)
	}
	all := w.list(Query{})
	if n := int64(len(all)); n != v.Versions+v.Unchained {
		t.Errorf("%d versions are verified and %d are not, want %d", v.Versions, v.Unchained, n)
	}
	if again := w.verify(v.Head); again != v {
		t.Errorf("with the head: %+v, want %+v", again, v)
	}
	old := v.Head
	path := w.path
	w.close()

	// chained returns a row of a table from the chain's last steps.
	chained := func(w *world, table string, back int) mvcc.SideRow {
		rows := w.rowsOf(table)
		newest := slices.MaxFunc(rows, func(a, b mvcc.SideRow) int { return bytes.Compare(last8(a.Key), last8(b.Key)) })
		rows = slices.DeleteFunc(rows, func(r mvcc.SideRow) bool { return table != chainTable && !bytes.Equal(last8(r.Key), last8(newest.Key)) })
		return rows[len(rows)-1-back]
	}
	exchange := func(table string) func(*world) {
		return func(w *world) {
			a, b := chained(w, table, 0), chained(w, table, 1)
			a.Data, b.Data = b.Data, a.Data
			w.replace(a, a)
			w.replace(b, b)
		}
	}
	remove := func(table string, back int) func(*world) {
		return func(w *world) { w.replace(chained(w, table, back)) }
	}
	edit := func(change func(*record)) func(*world) {
		return func(w *world) {
			row := chained(w, versionTable, 0)
			w.replace(row, forge(w.t, row, change))
		}
	}
	shorten := func(table string) func(*world) {
		return func(w *world) {
			row := chained(w, table, 0)
			entries, err := decodeIndex(row.Data)
			if err != nil {
				w.t.Fatal(err)
			}
			if row.Data, err = encodeIndex(entries[:len(entries)-1]); err != nil {
				w.t.Fatal(err)
			}
			w.replace(row, row)
		}
	}
	flip := func(table string) func(*world) {
		return func(w *world) {
			row := chained(w, table, 2)
			row.Data = slices.Clone(row.Data)
			row.Data[len(row.Data)/2] ^= 1
			w.replace(row, row)
		}
	}
	cut := func(w *world) { // removes the end of the chain, together with the state
		rows := w.rowsOf(chainTable)
		w.replace(rows[len(rows)-1])
		if err := w.archive.change(w.t.Context(), func(p *progress) ([]mvcc.SideRow, bool) {
			p.Chain.Links--
			before := rows[len(rows)-2].Data
			p.Chain.Head = before[len(before)-32:]
			return nil, true
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		damage func(*world)
		want   string
		// kept is true if the change is found only with a head that was kept elsewhere.
		kept bool
	}{
		"another user":             {edit(func(r *record) { r.User = "mallory" }), "is not what was archived", false},
		"another object":           {edit(func(r *record) { r.base, r.body = 0, []byte("{}") }), "is not what was archived", false},
		"another time":             {edit(func(r *record) { r.Time = r.Time.Add(time.Second) }), "is not what was archived", false},
		"another cause":            {edit(func(r *record) { r.Cause = "none" }), "is not what was archived", false},
		"another salt":             {edit(func(r *record) { r.salt = newSalt() }), "is not what was archived", false},
		"no salt":                  {edit(func(r *record) { r.salt = nil }), "is not what was archived", false},
		"versions removed":         {remove(versionTable, 0), "is missing", false},
		"versions exchanged":       {exchange(versionTable), "", false},
		"step removed":             {remove(stepTable, 0), "is missing", false},
		"step shortened":           {shorten(stepTable), "", false},
		"namespace removed":        {remove(namespaceTable, 0), "does not have", false},
		"namespace shortened":      {shorten(namespaceTable), "does not have", false},
		"namespaces exchanged":     {exchange(namespaceTable), "", false},
		"user removed":             {remove(userTable, 0), "does not have", false},
		"users exchanged":          {exchange(userTable), "", false},
		"link removed":             {remove(chainTable, 2), "is missing", false},
		"link changed":             {flip(chainTable), "link", false},
		"links exchanged":          {exchange(chainTable), "link", false},
		"end of the chain removed": {remove(chainTable, 0), "the chain ends with link", false},
		"end and state cut off":    {cut, "was kept elsewhere", true},
		"uids removed": {func(w *world) {
			for _, row := range w.rowsOf(uidTable) {
				w.replace(row)
			}
		}, uidTable, false},
		"a version put beside": {func(w *world) {
			row := chained(w, versionTable, 0)
			_, start, _ := cutRevision(row.Key)
			forged := Ref{agents, "ns0", "forged"}
			row.Key = forged.versionKey(start)
			w.replace(row, row)
		}, "links lead to", false},
		"an old state": {func(w *world) {
			rows := w.rowsOf(stateTable)
			states := slices.DeleteFunc(rows, func(r mvcc.SideRow) bool { return string(r.Key) != string(stateKey) })
			w.replace(states[0], states[0])
		}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.path = filepath.Join(t.TempDir(), "copy.db")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(w.path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			w.chained = true
			w.open()
			if v := w.verify(old); v.Break != "" {
				t.Fatalf("before: %s", v.Break)
			}
			c.damage(w)
			v := w.verify(old)
			if v.Break == "" || !strings.Contains(v.Break, c.want) {
				t.Errorf("break %q, want %q", v.Break, c.want)
			}
			if v := w.verify(); (v.Break == "") && !c.kept {
				t.Error("nothing is found without a head")
			}
			t.Log(v.Break)
		})
	}
}

func last8(key []byte) []byte { return key[max(0, len(key)-8):] }

// TestChainOfRandomHistory checks that the chain is intact after random writes, archive steps,
// removals and interruptions, on one replica or two.
func TestChainOfRandomHistory(t *testing.T) {
	w := newWorld(t)
	w.chained = true
	w.open()
	w.write(rand.New(rand.NewPCG(1, 2)))
	w.archiveAll()
	w.live(func() {
		if v := w.verify(); v.Break != "" {
			t.Fatal(v.Break)
		}
	})
	w.archiveAll()
	head := w.verify().Head
	w.archive.announce(time.Hour, func(h Head) {
		if h != head {
			t.Errorf("the head that is told at the end: %v, want %v", h, head)
		}
		head = Head{}
	})
	w.close()
	if head != (Head{}) {
		t.Error("no head was told at the end")
	}
}

// TestChainOfCutOffRemoval checks that a removal that is interrupted between any two of its writes
// leaves an intact chain.
func TestChainOfCutOffRemoval(t *testing.T) {
	w := chainedWorld(t)
	policy := Policy{Rules: []Rule{{Versions: 1}}}
	for n := 0; ; n++ {
		ctx, stop := context.WithCancel(t.Context())
		left := n
		w.archive.side = &cutAfter{SideTables: w.store.Side(), left: &left, stop: stop}
		_, err := w.archive.Retain(ctx, policy, time.Now().Add(time.Hour), false)
		w.archive.side = w.store.Side()
		stop()
		if v := w.verify(); v.Break != "" {
			t.Fatalf("cut off after %d writes: %s", n, v.Break)
		}
		if err == nil {
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// cutAfter cancels a context after some writes.
type cutAfter struct {
	mvcc.SideTables
	left *int
	stop func()
}

func (c *cutAfter) wrote() {
	if *c.left--; *c.left < 0 {
		c.stop()
	}
}

func (c *cutAfter) AppendIf(ctx context.Context, n mvcc.SideNewest, rows ...mvcc.SideRow) ([]int64, error) {
	ids, err := c.SideTables.AppendIf(ctx, n, rows...)
	c.wrote()
	return ids, err
}

// TestHeads checks that a head is parsed as it was written.
func TestHeads(t *testing.T) {
	h := Head{Links: 12, Hash: strings.Repeat("0f", 32)}
	if got, err := ParseHead(h.String()); err != nil || got != h {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "12", "x:" + h.Hash, "12:zz", "0:" + h.Hash, fmt.Sprint("-1:", h.Hash), "12:" + h.Hash[2:]} {
		if _, err := ParseHead(text); err == nil {
			t.Errorf("%q is taken for a head", text)
		}
	}
}
