package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

// median is the round of a way with the median duration.
type median struct {
	outcome
	lives, rate float64
}

func (t *target) median() median {
	rounds := slices.Clone(t.rounds)
	slices.SortFunc(rounds, func(a, b outcome) int { return int(a.took - b.took) })
	m := median{outcome: rounds[len(rounds)/2]}
	m.lives = float64(m.sample.Count) / query.Steps
	m.rate = m.lives / m.took.Seconds()
	return m
}

// perLife returns a process's time per life cycle over all rounds: a single round is too short for
// the clock's resolution of 10 ms.
func (t *target) perLife(process string) time.Duration {
	var spent time.Duration
	lives := 0
	for _, r := range t.rounds {
		spent += r.cpu[process]
		lives += r.sample.Count / query.Steps
	}
	return spent / time.Duration(max(lives, 1))
}

// report prints the median round of each way, and the writes to etcd in all rounds.
func report(out io.Writer, targets []*target) error {
	crds := targets[0]
	table := measure.NewTable(out, "Ark kinds as", "life cycles/s", "to CRDs", "p50 of a write, ms", "p99", "kube-apiserver, ms a life", "to CRDs", "etcd, ms", "ark-server, ms", "etcd writes a life")
	for _, t := range targets {
		m := t.median()
		table.Row(t.name, measure.Rate(m.rate), measure.Ratio(m.rate, crds.median().rate), measure.Millis(m.sample.P50), measure.Millis(m.sample.P99),
			measure.Millis(t.perLife(apiserver)), fmt.Sprintf("%.1f %%", 100*float64(t.perLife(apiserver))/float64(crds.perLife(apiserver))),
			measure.Millis(t.perLife(etcd)), measure.Millis(t.perLife(arkServer)), fmt.Sprintf("%.2f", (m.counted.puts+m.counted.deletes)/m.lives))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the results: %w", err)
	}
	fmt.Fprintf(out, "\nchanges of keys in the cluster's etcd, by resource, all rounds together:\n")
	for _, t := range targets {
		all := map[string]int{}
		for _, r := range t.rounds {
			for resource, n := range r.written {
				all[resource] += n
			}
		}
		var parts []string
		for _, resource := range slices.Sorted(maps.Keys(all)) {
			parts = append(parts, fmt.Sprintf("%s %d", resource, all[resource]))
		}
		if len(parts) == 0 {
			parts = []string{"none"}
		}
		fmt.Fprintf(out, "  %-12s %s\n", t.name, strings.Join(parts, ", "))
	}
	return nil
}
