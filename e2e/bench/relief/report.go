package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

// report prints the median round of each target, by life cycles per second, and what etcd was told in all rounds.
func report(out io.Writer, targets []*target) error {
	slices.SortFunc(targets, func(a, b *target) int { return strings.Compare(a.name, b.name) }) // CRDs first
	table := measure.NewTable(out, "Ark kinds as", "life cycles/s", "p50 of a write, ms", "p99", "etcd puts", "deletes", "etcd writes/s", "per life cycle")
	rate := map[string]float64{}
	for _, t := range targets {
		rounds := slices.Clone(t.rounds)
		slices.SortFunc(rounds, func(a, b outcome) int { return int(a.took - b.took) })
		r := rounds[len(rounds)/2]
		lives := float64(r.sample.Count) / query.Steps
		writes := r.counted.puts + r.counted.deletes
		rate[t.name] = lives / r.took.Seconds()
		table.Row(t.name, measure.Rate(rate[t.name]), measure.Millis(r.sample.P50), measure.Millis(r.sample.P99),
			fmt.Sprint(r.counted.puts), fmt.Sprint(r.counted.deletes), measure.Rate(writes/r.took.Seconds()), fmt.Sprintf("%.2f", writes/lives))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the results: %w", err)
	}
	fmt.Fprintf(out, "life cycles/s, %s : %s = %s\n\nchanges of keys in the cluster's etcd, by resource, all rounds together:\n", arkName, crdsName, measure.Ratio(rate[arkName], rate[crdsName]))
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
