package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// refused are words that comments do not use, each with its reason.
var refused = []struct {
	pattern *regexp.Regexp
	reason  string
}{
	{regexp.MustCompile(`(?i)\bwhoever\b`), "name the actor: the caller, a user, a process"},
	{regexp.MustCompile(`(?i)\banew\b`), "archaic: again"},
	{regexp.MustCompile(`(?i)\bmeanwhile\b`), "archaic: name what runs at the same time"},
	{regexp.MustCompile(`(?i)\bbeside\b`), "archaic: next to, in addition to"},
	{regexp.MustCompile(`(?i)\btells\b`), "code does not tell: it returns, reports, logs, distinguishes"},
	{regexp.MustCompile(`(?i)\bbe it\b`), "archaic: name the cases"},
	{regexp.MustCompile(`(?i)\ball the same\b`), "archaic: nevertheless, or nothing"},
}

// notYet are folders and files whose comments are still to be rewritten.
var notYet = []string{
	"internal/apis/", // the comments are the API's documentation, which is generated from them
	"internal/access/", "internal/aggregated/", "internal/apiserver/", "internal/connections/", "internal/database/", "internal/direct/",
	"internal/diskspace/", "internal/encryption/", "internal/etcdserver/", "internal/inprocess/", "internal/kubeconfig/", "internal/metrics/",
	"internal/mvcc/", "internal/objectjson/", "internal/operation/", "internal/peer/", "internal/privatefile/", "internal/redact/",
	"internal/registry/", "internal/runas/", "internal/sharedkeys/", "internal/sqltest/", "internal/standalone/", "internal/storetest/",
	"internal/token/", "internal/tracing/", "internal/transfer/",
}

// commentColumns is the greatest width of a line that is a comment; a tab counts as one column.
const commentColumns = 100

// TestWords checks the words and the width of comments.
func TestWords(t *testing.T) {
	for file, problem := range wordProblems(t, "../..") {
		t.Errorf("%s: %s", file, problem)
	}
}

// TestWordsFaults checks that each refused word and a wide comment are found.
func TestWordsFaults(t *testing.T) {
	for text, want := range map[string]string{
		"// Whoever calls it waits.":                             "name the actor",
		"// It is built anew.":                                   "again",
		"x := 1 // Meanwhile nothing happens.":                   "archaic",
		"/* beside it */":                                        "next to",
		"// It tells the log.":                                   "code does not tell",
		"// " + strings.Repeat("wide ", 20) + "comment":          "columns",
		"// A plain sentence whose words are all in common use.": "",
		"x := \"whoever\" // a string":                           "",
	} {
		problem := wordProblem("package x\n\nfunc f() {\n\t" + text + "\n}\n")
		if (want == "") != (problem == "") || !strings.Contains(problem, want) {
			t.Errorf("%q: got %q, want %q", text, problem, want)
		}
	}
}

// wordProblems returns the first problem of each file of a module, by its path.
func wordProblems(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, top := range []string{"cmd", "deploy", "e2e", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			if entry.IsDir() {
				if entry.Name() == "node_modules" || entry.Name() == "testdata" {
					return filepath.SkipDir
				}
				return nil
			}
			if filepath.Ext(name) != ".go" || strings.HasPrefix(entry.Name(), "zz_generated") {
				return nil
			}
			for _, prefix := range notYet {
				if strings.HasPrefix(name, prefix) {
					return nil
				}
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if problem := wordProblem(string(content)); problem != "" {
				found[name] = problem
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// wordProblem returns the first problem of the comments of a Go file, or "".
func wordProblem(content string) string {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(content, "\n")
	for _, group := range file.Comments {
		for _, comment := range group.List {
			at := set.Position(comment.Pos())
			for _, word := range refused {
				if found := word.pattern.FindString(comment.Text); found != "" {
					return fmt.Sprintf("line %d: %q: %s", at.Line, found, word.reason)
				}
			}
			line := lines[at.Line-1]
			if strings.HasPrefix(strings.TrimLeft(line, "\t"), "// ") && len([]rune(line)) > commentColumns {
				return fmt.Sprintf("line %d: a comment has %d columns, more than %d", at.Line, len([]rune(line)), commentColumns)
			}
		}
	}
	return ""
}
