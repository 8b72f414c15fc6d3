// Package golden compares the output of tests with committed files.
package golden

import (
	"os"
	"strings"
	"testing"
)

// Compare compares a text with a file, or writes it there if update is set. command is the command
// that writes the file; it is printed in a failure.
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
