package sqlquery

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// endless are statements that run practically without end, in ways that differ in how SQLite
// interrupts them: between instructions, in sorts, in one function, in JSON, in joins, before the
// first row and after it.
var endless = []string{
	`with recursive n(i) as (select 1 union all select i+1 from n) select count(*) from n`,
	`with recursive n(i) as (select 1 union all select i+1 from n) select i from n where i < 0`,
	`with recursive n(i) as (select 1 union all select i+1 from n) select i from n where i = 1 or i < 0`,
	`with recursive n(i) as (select 1 union all select i+1 from n) select max(i || hex(i)) from n`,
	`select count(*) from conditions a, conditions b, conditions c, conditions d, conditions e`,
	`select a.name from labels a, labels b, labels c, labels d order by a.value || b.value || c.value || d.value`,
	`with recursive n(i) as (select 1 union all select i+1 from n limit 3000000) select sum(i) over (order by i*7919 % 1000003 desc) from n`,
	`with recursive n(i) as (select 1 union all select i+1 from n limit 2000000) select i from n order by i*7919 % 1000003, hex(i) desc`,
	`with recursive n(i) as (select 1 union all select i+1 from n limit 2000000) select count(distinct i*7919 % 1000003) from n`,
	`with recursive n(i) as (select 1 union all select i+1 from n limit 900000) select percentile(i*7919 % 1000003, 50) from n, (select 1 union select 2 union select 3) `,
	`with recursive n(i, t) as (select 1, replace('xxxxxxxxxx', 'x', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab') union all select i+1, t from n) select count(*) from n where t || t || t like '%a%a%a%a%a%a%a%a%c'`,
	`with recursive n(i, t) as (select 1, '[' || replace('xxxxxxxxxx', 'x', '[1,2,3],') || '0]' union all select i+1, t from n) select count(*) from n, json_tree(n.t) a, json_tree(n.t) b`,
	`with recursive n(i) as (select 1 union all select i+1 from n limit 2000), t as (select group_concat(i) g from n) select count(*) from n a, n b, t where instr(t.g, a.i || ',' || b.i || 'x') > 0`,
}

// TestDeadline checks that the answer arrives at the deadline, regardless of the statement, and
// that the statement stops soon after.
func TestDeadline(t *testing.T) {
	const timeout = 200 * time.Millisecond
	r := open(t)
	var lateAnswer, lateWork time.Duration
	for _, query := range endless {
		begin := time.Now()
		answer, err := r.Run(t.Context(), Request{Query: query, Rows: inA(), Timeout: timeout})
		took := time.Since(begin) - timeout
		if !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrMemory) {
			t.Errorf("%s: got %v, %v, want a timeout", query, answer, err)
		}
		for len(r.places) > 0 {
			if time.Since(begin) > timeout+10*time.Second {
				t.Fatalf("%s: its work does not end", query)
			}
			time.Sleep(time.Millisecond)
		}
		worked := time.Since(begin) - timeout
		lateAnswer, lateWork = max(lateAnswer, took), max(lateWork, worked)
		if took > time.Second { // 100 ms on an idle machine: go test -run TestDeadline -v prints it
			t.Errorf("%s: the answer came %s after the deadline", query, took)
		}
		if worked > 5*time.Second { // 1 s on an idle machine
			t.Errorf("%s: its work ended %s after the deadline", query, worked)
		}
	}
	t.Logf("after the deadline: answers at most %s, work at most %s", lateAnswer, lateWork)
}

// TestParallel checks that at most four statements run concurrently, and that the others get an
// error by the deadline if they do not get a slot.
func TestParallel(t *testing.T) {
	r := open(t)
	var mu sync.Mutex
	ended := map[error]int{}
	var all sync.WaitGroup
	begin := time.Now()
	for i := range 12 {
		all.Add(1)
		go func() {
			defer all.Done()
			_, err := r.Run(t.Context(), Request{Query: endless[0] + fmt.Sprintf(" -- %d", i), Rows: inA(), Timeout: 500 * time.Millisecond})
			mu.Lock()
			ended[err]++
			mu.Unlock()
		}()
	}
	most := 0
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-time.After(time.Millisecond):
			most = max(most, len(r.places))
		}
	}
	if most != parallel || ended[ErrTimeout]+ended[ErrBusy] != 12 || ended[ErrTimeout] < parallel || ended[ErrBusy] == 0 {
		t.Errorf("%d at once, ended %v", most, ended)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the answers took %s", took)
	}
	for len(r.places) > 0 {
		time.Sleep(time.Millisecond)
	}
	if answer, err := r.Run(t.Context(), Request{Query: "select count(*) from queries", Rows: inA()}); err != nil || fmt.Sprint(answer.Rows) != "[[10]]" {
		t.Errorf("afterwards: %v, %v", answer, err)
	}
}
