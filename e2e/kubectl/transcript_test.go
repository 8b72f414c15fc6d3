package kubectl

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// args adds the session's namespace, where the kind has namespaces and the command names none.
func (s *session) args(args ...string) []string {
	for _, a := range args {
		if a == "-n" || a == "explain" {
			return args
		}
	}
	if s.sample.ClusterScoped && args[0] != "create" {
		return args
	}
	return append([]string{args[0], "-n", s.namespace}, args[1:]...)
}

// Exit codes of kubectl; that of diff is failed where something differs.
const (
	ok     = 0
	failed = 1
)

// do runs kubectl, which must end with the code, and notes down what it says.
func (s *session) do(t *testing.T, code int, stdin string, args ...string) {
	t.Helper()
	s.with(t, s.kubectl, code, stdin, args...)
}

func (s *session) with(t *testing.T, k *component.Kubectl, code int, stdin string, args ...string) {
	t.Helper()
	args = s.args(args...)
	s.note(t, code, args, s.tryWith(t, k, stdin, args...))
}

func (s *session) comment(text string) { fmt.Fprintf(&s.text, "# %s\n\n", text) }

// note adds a command and its output to the transcript. No golden file makes up for another exit
// code than is meant.
func (s *session) note(t *testing.T, code int, args []string, r component.KubectlResult) {
	t.Helper()
	if r.Code != code {
		t.Errorf("kubectl %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.Code, code, r.Stdout, r.Stderr)
	}
	shown := make([]string, len(args))
	for i, a := range args {
		if shown[i] = a; strings.ContainsAny(a, " {}'\"!*()") {
			shown[i] = "'" + a + "'"
		}
	}
	fmt.Fprintf(&s.text, "$ kubectl %s\n", strings.Join(shown, " "))
	table := args[0] == "get"
	s.text.WriteString(normalize(r.Stdout, table))
	s.text.WriteString(normalize(r.Stderr, false))
	if r.Code != 0 {
		fmt.Fprintf(&s.text, "exit code %d\n", r.Code)
	}
	s.text.WriteString("\n")
}

var replacements = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?m)((?:UID|uid): +)[0-9a-f]{8}-[0-9a-f-]{27}`), "${1}<uid>"},
	{regexp.MustCompile(`(?m)((?:[Rr]esource ?[Vv]ersion): +)"?\d+"?`), "${1}<version>"},
	{regexp.MustCompile(`(?m)((?:[Cc]reation|[Dd]eletion) ?[Tt]imestamp: +)"?[-0-9T:Z]+"?`), "${1}<time>"},
	{regexp.MustCompile(`(?m)(^ +time: +)"[-0-9T:Z]+"`), "${1}<time>"},
	// The files that kubectl diff compares, with their times.
	{regexp.MustCompile(`/\S*/(LIVE|MERGED)-\d+/`), "$1/"},
	{regexp.MustCompile(`(?m)(^(?:---|\+\+\+) \S+)\t.*$`), "$1"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

// normalize replaces what no two runs have in common.
func normalize(text string, table bool) string {
	if table {
		text = withoutAges(text)
	}
	for _, r := range replacements {
		text = r.pattern.ReplaceAllString(text, r.with)
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

var age = regexp.MustCompile(`^(\d+[smhd])+$`)

// withoutAges replaces the cells below AGE in a table of kubectl, and aligns the columns
// again: their widths depend on the cells.
func withoutAges(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	var starts []int
	for _, at := range regexp.MustCompile(`\S+(?: \S+)*`).FindAllStringIndex(lines[0], -1) {
		starts = append(starts, at[0])
	}
	aged := -1
	rows := make([][]string, len(lines))
	widths := make([]int, len(starts))
	for i, line := range lines {
		runes := []rune(line)
		for column, start := range starts {
			end := len(runes)
			if column+1 < len(starts) {
				end = min(end, starts[column+1])
			}
			cell := strings.TrimSpace(string(runes[min(start, end):end]))
			if i == 0 && cell == "AGE" {
				aged = column
			}
			if i > 0 && column == aged && age.MatchString(cell) {
				cell = "<age>"
			}
			rows[i] = append(rows[i], cell)
			widths[column] = max(widths[column], len([]rune(cell)))
		}
	}
	if aged < 0 {
		return text
	}
	var b strings.Builder
	for _, row := range rows {
		for column, cell := range row {
			fmt.Fprintf(&b, "%-*s   ", widths[column], cell)
		}
		b.WriteString("\n")
	}
	return b.String()
}
