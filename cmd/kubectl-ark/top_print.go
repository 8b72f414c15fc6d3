package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// phaseOrder is the order in which phases are printed.
var phaseOrder = []v1alpha1.QueryPhase{
	v1alpha1.QueryPending, v1alpha1.QueryQueued, v1alpha1.QueryProvisioning, v1alpha1.QueryRunning, v1alpha1.QueryInputRequired, v1alpha1.QueryDone, v1alpha1.QueryError,
	v1alpha1.QueryCanceled,
}

// lines returns the lines of the screen for a snapshot.
func (t *top) lines(s snapshot) []string {
	namespace := t.namespace
	if namespace == "" {
		namespace = "all namespaces"
	}
	title := func(format string, args ...any) string { return t.colour(bold, fmt.Sprintf(format, args...)) }
	out := []string{
		fmt.Sprintf("%s  %s, last %s", title("ark top"), namespace, time.Duration(s.Window*float64(time.Second))),
		fmt.Sprintf("%.1f queries/s  %.1f tokens/s  %.1f %% errors", s.Queries, s.Tokens, 100*s.ErrorShare),
	}
	var phases []string
	for _, phase := range phaseOrder {
		if n := s.Phases[string(phase)]; n > 0 {
			phases = append(phases, fmt.Sprintf("%s %d", phase, n))
		}
	}
	if len(phases) == 0 {
		phases = []string{"no queries"}
	}
	out = append(out, strings.Join(phases, "  "), "", title("%-32s %8s %8s %10s %9s %9s", strings.ToUpper(s.By), "QUERIES", "ERRORS", "TOKENS", "P50", "P95"))
	for _, g := range s.Groups[:min(2*shown, len(s.Groups))] {
		out = append(out, fmt.Sprintf("%-32s %8d %8d %10d %9s %9s", oneLine(g.Name, 32), g.Queries, g.Errors, g.Tokens, milliseconds(g.P50), milliseconds(g.P95)))
	}
	out = append(out, "", title("%-32s %-32s %9s", "SLOWEST", "TARGET", "TOOK"))
	for _, e := range s.Slowest {
		out = append(out, fmt.Sprintf("%-32s %-32s %9s", oneLine(e.Name, 32), oneLine(e.Target, 32), milliseconds(e.MS)))
	}
	if len(s.Longest) > 0 {
		out = append(out, "", title("%-32s %-32s %9s %s", "NOT ENDED", "TARGET", "AGE", "PHASE"))
		for _, o := range s.Longest {
			age := max(0, s.Time.Sub(o.Since)).Truncate(time.Second)
			out = append(out, fmt.Sprintf("%-32s %-32s %9s %s", oneLine(o.Name, 32), oneLine(o.Target, 32), age, o.Phase))
		}
	}
	if len(s.Errors) > 0 {
		out = append(out, "", title("%-32s %s", "ERRORS", "MESSAGE"))
		for _, e := range s.Errors {
			out = append(out, fmt.Sprintf("%-32s %s", oneLine(e.Name, 32), t.colour(red, oneLine(e.Error, 120))))
		}
	}
	return out
}

func milliseconds(n int64) string { return (time.Duration(n) * time.Millisecond).String() }

// sizeOf returns the size of a terminal. For other outputs it returns a size that fits most
// terminals.
func sizeOf(out io.Writer) (width, height int) {
	if file, ok := out.(*os.File); ok {
		if width, height, err := term.GetSize(int(file.Fd())); err == nil && width > 0 && height > 0 { //nolint:gosec // descriptors are small
			return width, height
		}
	}
	return 80, 24
}

// cut cuts a line to a width; colour codes do not count.
func cut(line string, width int) string {
	var b strings.Builder
	inCode, n := false, 0
	for _, r := range line {
		switch {
		case r == '\x1b':
			inCode = true
		case inCode:
			inCode = r != 'm'
		case n == width:
			continue
		default:
			n++
		}
		b.WriteRune(r)
	}
	return b.String()
}
