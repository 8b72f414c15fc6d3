package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityStatementsHaveTests checks that the tests that docs/security.md names for its
// statements exist.
func TestSecurityStatementsHaveTests(t *testing.T) {
	root := filepath.Join("..", "..")
	_, table, found := strings.Cut(readFile(t, root, "docs", "security.md"), "\n## What holds this\n")
	if !found {
		t.Fatal("docs/security.md has no table of tests")
	}
	claims := regexp.MustCompile("((?:`Test\\w+`(?:, )?)+) in `([^`]+)`").FindAllStringSubmatch(table, -1)
	if len(claims) < 15 {
		t.Fatalf("only %d statements were found", len(claims))
	}
	for _, c := range claims {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(c[2]), "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no tests (%v)", c[2], err)
			continue
		}
		var all strings.Builder
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
		for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(c[1], -1) {
			if !strings.Contains(all.String(), "func "+name+"(t *testing.T)") {
				t.Errorf("%s has no %s", c[2], name)
			}
		}
	}
}
