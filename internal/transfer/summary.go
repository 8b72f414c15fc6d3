package transfer

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
)

// Outcome is what became of an object.
type Outcome string

// The outcomes, in the order in which a Summary prints them.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Deleted   Outcome = "deleted"
	Unchanged Outcome = "unchanged"
	// Conflict is an object that was changed at the target by somebody else, and left alone.
	Conflict Outcome = "conflict"
	// Refused is an object that the target cannot take.
	Refused Outcome = "refused"
	// Skipped is an object of another API.
	Skipped Outcome = "skipped"
	// Different and Missing are what a verification finds.
	Different Outcome = "different"
	Missing   Outcome = "missing"
	Surplus   Outcome = "surplus"
	// Written is an object that an export wrote out.
	Written Outcome = "written"
	// LeftOut is a Namespace, ConfigMap or Secret that was not moved.
	LeftOut Outcome = "left out"
)

var outcomes = []Outcome{Created, Updated, Deleted, Unchanged, Conflict, Refused, Skipped, Different, Missing, Surplus, Written, LeftOut}

// otherKinds stands in a Summary for texts that are no object of a kind we know.
const otherKinds = "others"

// Summary counts outcomes by kind. Its methods may be called from any goroutine.
type Summary struct {
	mu     sync.Mutex
	counts map[string]map[Outcome]int
	read   int
	begin  time.Time
}

func newSummary() *Summary {
	return &Summary{counts: map[string]map[Outcome]int{}, begin: time.Now()}
}

func (s *Summary) count(kind string, o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[kind] == nil {
		s.counts[kind] = map[Outcome]int{}
	}
	s.counts[kind][o]++
	s.read++
}

// replace counts an object otherwise than before.
func (s *Summary) replace(kind string, before, o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[kind][before]--
	s.counts[kind][o]++
}

// Total is how many objects had one of the outcomes.
func (s *Summary) Total(of ...Outcome) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	for _, counts := range s.counts {
		for _, o := range of {
			total += counts[o]
		}
	}
	return total
}

// SecretsLeftOut is how many Secrets were not moved.
func (s *Summary) SecretsLeftOut() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[secrets][LeftOut]
}

// Print writes a table of the outcomes that there were.
func (s *Summary) Print(w io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == 0 {
		_, err := fmt.Fprintln(w, "no objects")
		return err
	}
	var columns []Outcome
	sums := map[Outcome]int{}
	for _, o := range outcomes {
		for _, counts := range s.counts {
			sums[o] += counts[o]
		}
		if sums[o] > 0 {
			columns = append(columns, o)
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(title string, cell func(Outcome) string) {
		fmt.Fprintf(t, "%-18s\t", title)
		for _, o := range columns {
			fmt.Fprintf(t, "%s\t", cell(o))
		}
		fmt.Fprintln(t)
	}
	line("", func(o Outcome) string { return string(o) })
	for _, kind := range slices.Sorted(maps.Keys(s.counts)) {
		line(kind, func(o Outcome) string { return fmt.Sprint(s.counts[kind][o]) })
	}
	line("all", func(o Outcome) string { return fmt.Sprint(sums[o]) })
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	return nil
}

// progress is one line on how far it is.
func (s *Summary) progress() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	var plurals []string
	for _, k := range install.Kinds() {
		plurals = append(plurals, k.Plural)
	}
	for _, plural := range append(plurals, coreResources...) {
		n := 0
		for _, c := range s.counts[plural] {
			n += c
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", plural, n))
		}
	}
	rate := float64(s.read) / max(time.Since(s.begin).Seconds(), 0.001)
	return fmt.Sprintf("%d objects, %.0f/s: %s", s.read, rate, strings.Join(parts, ", "))
}

// Reports is where a run tells what it does while it does it. The zero value tells nobody.
type Reports struct {
	// Line gets one line, without its end, about an object. It may be called from any goroutine.
	Line func(string)
	// Progress gets how far the run is, in one line, again and again; nil is not to be told.
	Progress func(string)
	// Explain returns a Warning in words that say what to do, nil for the warning's own.
	Explain func(Warning) string
	// Every is how often Progress is called; 0 is five times a second.
	Every time.Duration
}

func (r Reports) line(format string, args ...any) {
	if r.Line != nil {
		r.Line(fmt.Sprintf(format, args...))
	}
}

// warn reports a warning in a line.
func (r Reports) warn(w Warning) {
	text := w.String()
	if r.Explain != nil {
		text = r.Explain(w)
	}
	r.line("warning: %s", text)
}

// follow tells the progress until stop is called, which waits for the end of it.
func (r Reports) follow(s *Summary) (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	every := r.Every
	if every == 0 {
		every = time.Second / 5
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				r.Progress(s.progress())
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
