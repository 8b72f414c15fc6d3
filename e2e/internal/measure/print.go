package measure

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// Table prints aligned columns, row by row. Call Flush after the last row.
type Table struct{ w *tabwriter.Writer }

// NewTable begins a table with a header.
func NewTable(out io.Writer, header ...string) *Table {
	t := &Table{w: tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)}
	t.Row(header...)
	return t
}

// Row adds one row.
func (t *Table) Row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")+"\t") }

// Flush writes the added rows.
func (t *Table) Flush() error { return t.w.Flush() }

// Millis formats a duration in milliseconds with about three significant digits.
func Millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f", ms)
	case ms >= 1:
		return fmt.Sprintf("%.1f", ms)
	case ms >= 0.01:
		return fmt.Sprintf("%.2f", ms)
	default:
		return fmt.Sprintf("%.4f", ms)
	}
}

// Rate formats operations per second.
func Rate(r float64) string {
	if r >= 100 {
		return fmt.Sprintf("%.0f", r)
	}
	return fmt.Sprintf("%.1f", r)
}

// Ratio formats a/b, or returns a dash if there is nothing to compare with.
func Ratio(a, b float64) string {
	if b == 0 || a == 0 || math.IsNaN(a/b) {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// Seconds formats a duration in seconds.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }
