package ask

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadText(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "question.txt")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ text, file, stdin, want, fault string }{
		"text":             {text: "hello", want: "hello"},
		"file":             {file: file("notes"), want: "notes"},
		"text and file":    {text: "read:", file: file("notes"), want: "read:\n\nnotes"},
		"standard input":   {text: "read:", file: "-", stdin: "typed\n", want: "read:\n\ntyped\n"},
		"no file":          {file: filepath.Join(t.TempDir(), "none"), fault: "none: no such file or directory"},
		"a folder":         {file: t.TempDir(), fault: "is a directory"},
		"no text":          {file: file("\xff\xfe"), fault: "it is no text in UTF-8"},
		"too large a text": {file: "-", stdin: strings.Repeat("x", maxQuestion+1), fault: "more than 16 MiB"},
	} {
		got, err := ReadText(c.text, c.file, strings.NewReader(c.stdin))
		switch {
		case c.fault == "" && (err != nil || got != c.want):
			t.Errorf("%s: got %q, %v", name, got, err)
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
			t.Errorf("%s: got the error %v, want %s", name, err, c.fault)
		}
	}
}
