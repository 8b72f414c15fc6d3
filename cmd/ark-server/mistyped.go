package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nearest returns the known name with the fewest edits and the number of edits, or "" if no name is
// near. A name that begins with another name is near to it.
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

// didYouMean returns the part of an error that suggests the correct name, after a prefix. It
// returns "" if no known name is near.
func didYouMean(name, prefix string, known []string) string {
	if near, _ := nearest(name, known); near != "" {
		return fmt.Sprintf(": did you mean %s%s?", prefix, near)
	}
	return ""
}

// certain reports whether a name at this distance from a setting must be that setting, mistyped.
// Short names are near to each other by chance.
func certain(setting string, distance int) bool { return distance <= 2 && len(setting) >= 6 }

// settings returns the names of the flags of all commands under the root. The environment and
// configuration files may contain settings of other commands than the one that runs.
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

// isSetting reports whether a flag sets a value. Flags that only print a text do not.
func isSetting(flag string) bool { return !slices.Contains([]string{"help", helpAll, "version"}, flag) }

// edits returns how many letters must be inserted, deleted, replaced or exchanged with their
// neighbour to turn one word into the other.
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
