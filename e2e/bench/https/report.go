package main

import (
	"fmt"
	"io"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

type resultKey struct {
	name    string
	clients int
	target  string
}

// results holds the rounds by case, clients and server.
type results map[resultKey]measure.Series

func (r results) add(p planned, target string, s measure.Sample) {
	k := resultKey{p.name, p.clients, target}
	r[k] = append(r[k], s)
}

// print writes a row for each case and server; ratios are to the real kube-apiserver of the same
// run.
func (r results) print(out io.Writer, plan []planned, targets []*target) error {
	t := measure.NewTable(out, "case", "clients", "server", "requests/s", "p50 ms", "p99 ms",
		"server CPU ms", "etcd CPU ms", "client CPU ms", "requests/s : kube", "p99 : kube")
	var failures []string
	for _, p := range plan {
		kube := r[resultKey{p.name, p.clients, kubeName}].Median()
		for _, target := range targets {
			s := r[resultKey{p.name, p.clients, target.name}].Median()
			etcd := "-"
			if _, has := target.pids["etcd"]; has {
				etcd = measure.Millis(s.CPU["etcd"])
			}
			t.Row(p.name, fmt.Sprint(p.clients), target.name, measure.Rate(s.Rate), measure.Millis(s.P50), measure.Millis(s.P99),
				measure.Millis(s.CPU["server"]), etcd, measure.Millis(s.CPU["client"]),
				measure.Ratio(s.Rate, kube.Rate), measure.Ratio(float64(s.P99), float64(kube.P99)))
			if s.Failed > 0 {
				failures = append(failures, fmt.Sprintf("%s with %d clients on %s: %d failed, such as: %v", p.name, p.clients, target.name, s.Failed, s.FirstError))
			}
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the results: %w", err)
	}
	fmt.Fprintln(out, "CPU is per request, the client's too.")
	for _, f := range failures {
		fmt.Fprintln(out, "FAILED:", f)
	}
	return r.printExpected(out, plan)
}

// printExpected compares the ratios with the targets of ark-server.
func (r results) printExpected(out io.Writer, plan []planned) error {
	const writes, lists = 4.0, 2.0
	t := measure.NewTable(out, "expected", "case", "clients", "ratio", "reached")
	any := false
	for _, p := range plan {
		text, atLeast := fmt.Sprintf("lists >= %gx kube-apiserver's", lists), lists
		if p.name == "life" {
			if p.clients < 16 {
				continue
			}
			text, atLeast = fmt.Sprintf("writes/s >= %gx kube-apiserver's", writes), writes
		}
		ours, theirs := r[resultKey{p.name, p.clients, arkName}].Median().Rate, r[resultKey{p.name, p.clients, kubeName}].Median().Rate
		if theirs == 0 {
			continue
		}
		reached := "yes"
		if ours/theirs < atLeast {
			reached = "NO"
		}
		t.Row(text, p.name, fmt.Sprint(p.clients), fmt.Sprintf("%.2f", ours/theirs), reached)
		any = true
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
