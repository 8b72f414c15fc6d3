// Package selfcontained holds the test that the repository needs nothing outside
// of it but what its documentation names.
package selfcontained

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// upwards is a path that begins with a step up.
	upwards = regexp.MustCompile(`(?:^|[\s"'` + "`" + `(=:\[])((?:\.\./)+[^\s"'` + "`" + `()<>*\]]*)`)
	// aboveRoot is code that steps up from the root of the repository.
	aboveRoot = regexp.MustCompile(`(?i)root\b[^\n]{0,12}"\.\."|\$\(CURDIR\)/\.\.`)
	// folder is the name of a folder that lies next to some working copies.
	folder = "shared" + "/ark-api"
)

// skipped are folders that are no part of the repository.
var skipped = map[string]bool{".git": true, ".cache": true, "bin": true, "node_modules": true}

// No file of the repository names a path outside of it, so a clone in an empty
// folder is whole.
func TestNoPathLeavesTheRepository(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the root of the repository is not at %s: %v", root, err)
	}
	files := 0
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skipped[entry.Name()] {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			target, err := filepath.EvalSymlinks(path)
			if err != nil || !within(root, target) {
				t.Errorf("%s is a link out of the repository, to %s (%v)", path, target, err)
			}
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return nil // no text
		}
		files++
		for _, fault := range leaves(root, path, string(text)) {
			t.Errorf("%s names %s, which is outside the repository", path, fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 500 {
		t.Errorf("only %d files were read", files)
	}
}

// leaves returns what a file names that is outside of root.
func leaves(root, path, text string) (found []string) {
	for _, match := range upwards.FindAllStringSubmatch(text, -1) {
		if !within(root, filepath.Join(filepath.Dir(path), match[1])) {
			found = append(found, match[1])
		}
	}
	found = append(found, aboveRoot.FindAllString(text, -1)...)
	if strings.Contains(text, folder) {
		found = append(found, folder)
	}
	return found
}

func within(root, path string) bool {
	return path == root || strings.HasPrefix(path, root+string(filepath.Separator))
}

func TestLeavesFindsWhatLeaves(t *testing.T) {
	const root = "/r"
	for text, want := range map[string]bool{
		`open("UP/UP/x")`:                  true,
		`const d = "UP/UP/UP/x/y"`:         true,
		"read UP/UP/x now":                 true,
		`[text](UP/UP/x.md)`:               true,
		`filepath.Join(root, "UP", "x")`:   true,
		"cd $(CURDIR)/UP/x":                true,
		"beside it: " + folder + "/x.yaml": true,
		`open("UP/x")`:                     false,
		`[text](UP/docs/x.md)`:             false,
		`filepath.Join(dir, "UP")`:         false,
		`cd "$(dirname "$0")/UP"`:          false,
		"a range such as 1UP/2":            false,
	} {
		text = strings.ReplaceAll(text, "UP", "..") // this file has to pass too
		if got := leaves(root, "/r/a/b.go", text); (len(got) > 0) != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}
