package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

type resultKey struct {
	name    string
	clients int
	system  string
}

// results holds the rounds by case, clients and system.
type results map[resultKey]measure.Series

func (r results) add(p planned, system string, s measure.Sample) {
	k := resultKey{p.name, p.clients, system}
	r[k] = append(r[k], s)
}

func (r results) median(p planned, system string) measure.Sample {
	return r[resultKey{p.name, p.clients, system}].Median()
}

// print writes one row for each case and system, with the ratios to etcd and kine, and then the
// failures.
func (r results) print(out io.Writer, plan []planned, systems []string) error {
	t := measure.NewTable(out, "case", "clients", "system", "op/s", "p50 ms", "p99 ms", "op/s : etcd", "op/s : kine", "p50 : etcd", "p99 : etcd")
	var failures []string
	for _, p := range plan {
		etcd := r.median(p, "etcd")
		for _, system := range systems {
			s, kine := r.median(p, system), r.median(p, kineBeside(system))
			t.Row(p.name, fmt.Sprint(p.clients), system, measure.Rate(s.Rate), measure.Millis(s.P50), measure.Millis(s.P99),
				measure.Ratio(s.Rate, etcd.Rate), measure.Ratio(s.Rate, kine.Rate),
				measure.Ratio(float64(s.P50), float64(etcd.P50)), measure.Ratio(float64(s.P99), float64(etcd.P99)))
			if s.Failed > 0 {
				failures = append(failures, fmt.Sprintf("%s with %d clients on %s: %d failed, such as: %v", p.name, p.clients, system, s.Failed, s.FirstError))
			}
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the results: %w", err)
	}
	for _, f := range failures {
		fmt.Fprintln(out, "FAILED:", f)
	}
	return r.printExpected(out, plan, systems)
}

// kineBeside returns the name of kine on the database of a system.
func kineBeside(system string) string {
	for _, database := range []string{"-postgres", "-mysql"} {
		if strings.Contains(system, database) {
			return "kine" + database
		}
	}
	return "kine"
}

// expectation is a target ratio of ark-server.
type expectation struct {
	text           string
	system, versus string
	cases          []string
	clients        []int // empty: all
	figure         func(measure.Sample) float64
	atLeast        float64 // of ours/theirs; 0 where atMost counts
	atMost         float64
}

func expectations() []expectation {
	rate := func(s measure.Sample) float64 { return s.Rate }
	p50 := func(s measure.Sample) float64 { return float64(s.P50) }
	p99 := func(s measure.Sample) float64 { return float64(s.P99) }
	writes := []string{"create", "update"}
	lists := []string{"list-500", "list-all"}
	list := []expectation{
		{"in-process writes >= 3x etcd's", "ark-direct", "etcd", writes, []int{64}, rate, 3, 0},
		{"in-process writes >= 10x kine's", "ark-direct", "kine", writes, []int{64}, rate, 10, 0},
		{"in-process reads >= 20x etcd's", "ark-direct", "etcd", []string{"get"}, []int{64}, rate, 20, 0},
		{"socket writes >= 1.3x etcd's", "ark-socket", "etcd", writes, []int{64}, rate, 1.3, 0},
		{"one client's write latency no worse than etcd's (in process)", "ark-direct", "etcd", writes, []int{1}, p50, 0, 1},
		{"one client's write latency no worse than etcd's (socket)", "ark-socket", "etcd", writes, []int{1}, p50, 0, 1},
		{"lists ahead of etcd (in process)", "ark-direct", "etcd", lists, nil, rate, 1, 0},
		{"lists ahead of etcd (socket)", "ark-socket", "etcd", lists, nil, rate, 1, 0},
		{"write p99 under half of etcd's (in process)", "ark-direct", "etcd", writes, []int{64}, p99, 0, 0.5},
	}
	for _, database := range []string{"postgres", "mysql"} {
		ours, kine := "ark-"+database, "kine-"+database
		list = append(list,
			expectation{"on " + database + ", in-process writes >= 2x etcd's", ours, "etcd", writes, []int{64}, rate, 2, 0},
			expectation{"on " + database + ", in-process writes >= 10x kine's", ours, kine + "-stock", writes, []int{64}, rate, 10, 0},
			expectation{"on " + database + ", in-process writes >= 10x kine's with all connections kept", ours, kine, writes, []int{64}, rate, 10, 0},
		)
	}
	return list
}

func (r results) printExpected(out io.Writer, plan []planned, systems []string) error {
	t := measure.NewTable(out, "expected", "case", "clients", "ratio", "reached")
	any := false
	for _, e := range expectations() {
		if !slices.Contains(systems, e.system) || !slices.Contains(systems, e.versus) {
			continue
		}
		for _, p := range plan {
			if !slices.Contains(e.cases, p.name) || (len(e.clients) > 0 && !slices.Contains(e.clients, p.clients)) {
				continue
			}
			ours, theirs := e.figure(r.median(p, e.system)), e.figure(r.median(p, e.versus))
			if theirs == 0 {
				continue
			}
			ratio, reached := ours/theirs, "yes"
			if ratio < e.atLeast || (e.atMost > 0 && ratio > e.atMost) {
				reached = "NO"
			}
			t.Row(e.text, p.name, fmt.Sprint(p.clients), fmt.Sprintf("%.2f", ratio), reached)
			any = true
		}
	}
	if !any {
		return nil
	}
	fmt.Fprintln(out)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the expectations: %w", err)
	}
	return nil
}
