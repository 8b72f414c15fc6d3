package sqltest

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Settings are a server's variables by what keeps their values from doing harm: set, checked or
// harmless.
type Settings map[string]string

// ReadSettings reads a file of classified variables: a line "CLASS: reason", and below it indented
// lines with names. It refuses a name that is there twice and a group without a reason.
func ReadSettings(path string) (Settings, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	settings, class := Settings{}, ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ':
			c, reason, ok := strings.Cut(line, ": ")
			if !ok || !slices.Contains([]string{"set", "checked", "harmless"}, c) || len(reason) < 10 {
				return nil, fmt.Errorf("%s:%d: want set, checked or harmless, and the reason", path, n)
			}
			class = c
		default:
			for _, name := range strings.Fields(line) {
				if settings[name] != "" || class == "" {
					return nil, fmt.Errorf("%s:%d: %s is there twice, or in no group", path, n, name)
				}
				settings[name] = class
			}
		}
	}
	return settings, lines.Err()
}

// Unclassified returns the names that are not among the settings, sorted.
func (s Settings) Unclassified(names []string) []string {
	var list []string
	for _, name := range names {
		if s[name] == "" {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
