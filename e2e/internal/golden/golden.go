// Package golden compares what tests make with files that are committed.
package golden

import (
	"os"
	"strings"
	"testing"
)

// Compare holds a text to a file, or writes it there if update is set. Command is what
// writes it, for who reads the failure.
func Compare(t *testing.T, file, got string, update bool, command string) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	is, was := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	line := 0
	for line < min(len(is), len(was)) && is[line] == was[line] {
		line++
	}
	excerpt := func(lines []string) string {
		return strings.Join(lines[max(0, min(line-6, len(lines))):min(line+12, len(lines))], "\n")
	}
	t.Errorf("%s differs from line %d on (if that is meant, %s writes it anew):\n%s\n\nwant:\n%s", file, line+1, command, excerpt(is), excerpt(was))
}
