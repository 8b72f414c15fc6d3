package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nearest returns the known name that is fewest edits away and how many these are, or ""
// if none is near. A name that begins as another one is near to it.
func nearest(name string, known []string) (string, int) {
	best, distance := "", 0
	for _, k := range known {
		d := edits(name, k)
		shorter := min(len(name), len(k))
		near := d <= len(name)/3 || shorter >= 3 && name[:shorter] == k[:shorter]
		if near && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	return best, distance
}

// didYouMean is the part of an error about a wrong name that has the right one, after a
// prefix; or "".
func didYouMean(name, prefix string, known []string) string {
	if near, _ := nearest(name, known); near != "" {
		return fmt.Sprintf(": did you mean %s%s?", prefix, near)
	}
	return ""
}

// certain says that a name that is this many edits from a setting's can be nothing else
// than that setting, mistyped. Short names are near to each other by chance.
func certain(setting string, distance int) bool { return distance <= 2 && len(setting) >= 6 }

// settings are the names of the flags of all commands under the root. The environment and
// configuration files may hold those of other commands than the one that runs.
func settings(root *cobra.Command) []string {
	var names []string
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if isSetting(f.Name) {
				names = append(names, f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
	slices.Sort(names)
	return slices.Compact(names)
}

// isSetting says that a flag sets something, and does not ask for a text.
func isSetting(flag string) bool { return !slices.Contains([]string{"help", helpAll, "version"}, flag) }

// edits is how many letters must be put in, left out, replaced or exchanged with their
// neighbour to make one word of another.
func edits(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
