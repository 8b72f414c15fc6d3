package contract

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var chosen = flag.String("systems", "light", "the systems to run on: light, heavy, all, or names such as sqlite,crds")

// runs says whether a system was asked for.
func runs(y *system) bool {
	switch *chosen {
	case "all":
		return true
	case "light":
		return !y.heavy
	case "heavy":
		return y.heavy
	}
	return slices.Contains(strings.Split(*chosen, ","), y.name)
}

// TestContract runs every number on every system that was asked for, and prints what became of
// each.
func TestContract(t *testing.T) {
	result := results{outcomes: map[string]map[string]string{}}
	for _, y := range systems() {
		if !runs(y) {
			continue
		}
		began := time.Now()
		t.Run(y.name, func(t *testing.T) {
			s := y.start(t, y, t.TempDir())
			aged := prepareAged(t, s)
			t.Run("together", func(t *testing.T) {
				for _, n := range numbers() {
					if n.once != nil || n.each != nil {
						result.run(t, s, n, func(t *testing.T) {
							t.Parallel()
							n.together(t, s)
						})
					}
				}
			})
			t.Run("aged", func(t *testing.T) {
				for _, n := range numbers() {
					if check := aged[n.name]; check != nil {
						result.run(t, s, n, check)
					}
				}
			})
			t.Run("alone", func(t *testing.T) {
				for _, n := range numbers() {
					if n.alone != nil {
						result.run(t, s, n, func(t *testing.T) { n.alone(t, s) })
					}
				}
			})
		})
		result.notes = append(result.notes, fmt.Sprintf("%-21s %d of %d numbers passed in %s", y.name, result.passed(y.name), here(), time.Since(began).Round(time.Second)))
	}
	for _, name := range unknownNames() {
		t.Errorf("-systems=%s: there is no system %q", *chosen, name)
	}
	result.print()
}

// here is how many numbers this suite holds.
func here() int {
	n := 0
	for _, one := range numbers() {
		if one.suite == nil {
			n++
		}
	}
	return n
}

// unknownNames are the names in -systems that no system has.
func unknownNames() []string {
	var unknown []string
	if slices.Contains([]string{"light", "heavy", "all"}, *chosen) {
		return unknown
	}
	for name := range strings.SplitSeq(*chosen, ",") {
		if !slices.ContainsFunc(systems(), func(y *system) bool { return y.name == name }) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// prepareAged prepares what is to age, and compacts the storage after that.
func prepareAged(t *testing.T, s *server) map[string]func(*testing.T) {
	checks := map[string]func(*testing.T){}
	if s.etcd == "" {
		return checks
	}
	for _, n := range numbers() {
		if _, gap := gaps()[s.system.name][n.name]; n.aged != nil && !gap {
			checks[n.name] = n.aged(t, s)
		}
	}
	s.compact(t)
	return checks
}

// run runs a part of a number, unless it has a gap on this system, and notes down what became of
// it.
func (r *results) run(t *testing.T, s *server, n number, part func(*testing.T)) {
	if g, found := gaps()[s.system.name][n.name]; found {
		r.set(s.system.name, n.name, "cannot: "+g.reason)
		return
	}
	t.Run(n.name, func(t *testing.T) {
		t.Cleanup(func() {
			if t.Failed() {
				r.set(s.system.name, n.name, failed)
			} else {
				r.set(s.system.name, n.name, passed)
			}
		})
		part(t)
	})
}

const passed, failed = "passed", "failed"

// together runs the number for all kinds together, then for each.
func (n number) together(t *testing.T, s *server) {
	if n.once != nil {
		n.once(t, s)
	}
	if n.each == nil {
		return
	}
	for _, kind := range kinds() {
		t.Run(kind.Kind, func(t *testing.T) { n.each(t, s.place(t, kind)) })
	}
}

// results are what became of each number on each system.
type results struct {
	mu       sync.Mutex
	outcomes map[string]map[string]string
	notes    []string
}

// set notes down an outcome; of the parts of a number, one failure is a failure of all.
func (r *results) set(system, number, outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outcomes[system] == nil {
		r.outcomes[system] = map[string]string{}
	}
	if r.outcomes[system][number] != failed {
		r.outcomes[system][number] = outcome
	}
}

func (r *results) passed(system string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, outcome := range r.outcomes[system] {
		if outcome == passed {
			n++
		}
	}
	return n
}

// print lists what did not pass, with its reason, and the totals.
func (r *results) print() {
	fmt.Println("\nThe contract:")
	for _, system := range slices.Sorted(maps.Keys(r.outcomes)) {
		for _, number := range slices.Sorted(maps.Keys(r.outcomes[system])) {
			if outcome := r.outcomes[system][number]; outcome != passed {
				fmt.Printf("  %-21s %-20s %s\n", system, number, outcome)
			}
		}
	}
	for _, note := range r.notes {
		fmt.Println("  " + note)
	}
}
