package records

import (
	"fmt"
	"strings"
)

const (
	// contextLines is the number of unchanged lines around a change.
	contextLines = 3
	// maxCells bounds the table for the comparison of two texts; for larger ones, everything between
	// the common prefix and suffix is reported as changed.
	maxCells = 4 << 20
)

// edit is one line of a comparison: ' ', '-' or '+' and the text.
type edit struct {
	op   byte
	text string
}

// unified compares two texts line by line, as diff -u does; "" for equal ones.
func unified(fromName, toName, from, to string) string {
	edits := compareLines(lines(from), lines(to))
	var out strings.Builder
	for begin := 0; begin < len(edits); {
		first := begin
		for first < len(edits) && edits[first].op == ' ' {
			first++
		}
		if first == len(edits) {
			break
		}
		// A hunk ends if more than twice the context is unchanged.
		last, end := first, first
		for end < len(edits) && end-last <= 2*contextLines {
			if edits[end].op != ' ' {
				last = end
			}
			end++
		}
		start, stop := max(first-contextLines, begin), min(last+1+contextLines, len(edits))
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- %s\n+++ %s\n", fromName, toName)
		}
		writeHunk(&out, edits, start, stop)
		begin = stop
	}
	return out.String()
}

func writeHunk(out *strings.Builder, edits []edit, start, stop int) {
	count := func(edits []edit, op byte) (n int) {
		for _, e := range edits {
			if e.op == ' ' || e.op == op {
				n++
			}
		}
		return n
	}
	place := func(op byte) string {
		first, n := count(edits[:start], op), count(edits[start:stop], op)
		if n > 0 {
			first++
		}
		return fmt.Sprintf("%d,%d", first, n)
	}
	fmt.Fprintf(out, "@@ -%s +%s @@\n", place('-'), place('+'))
	for _, e := range edits[start:stop] {
		out.WriteByte(e.op)
		out.WriteString(e.text)
		out.WriteByte('\n')
	}
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// compareLines returns the shortest edits that change a into b.
func compareLines(a, b []string) []edit {
	var edits, tail []edit
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		edits = append(edits, edit{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, edit{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	// common[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
	width := len(b) + 1
	var common []int32
	if (len(a)+1)*width <= maxCells {
		common = make([]int32, (len(a)+1)*width)
		for i := len(a) - 1; i >= 0; i-- {
			for j := len(b) - 1; j >= 0; j-- {
				if a[i] == b[j] {
					common[i*width+j] = common[(i+1)*width+j+1] + 1
				} else {
					common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
				}
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case common != nil && i < len(a) && j < len(b) && a[i] == b[j]:
			edits = append(edits, edit{' ', a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common == nil || common[(i+1)*width+j] >= common[i*width+j+1]):
			edits = append(edits, edit{'-', a[i]})
			i++
		default:
			edits = append(edits, edit{'+', b[j]})
			j++
		}
	}
	for k := len(tail) - 1; k >= 0; k-- {
		edits = append(edits, tail[k])
	}
	return edits
}
