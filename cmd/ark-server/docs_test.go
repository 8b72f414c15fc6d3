package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/runas"
)

// TestDocs checks that everything that the documentation names exists: make targets, sub-commands
// and their flags, variables, files, pages and their headings. It reads the pages, and those
// comments of manifests, scripts and Go files that name pages. A fault is reported with file and
// line, what is missing and how to fix it.
func TestDocs(t *testing.T) {
	d := newDocs(t)
	checked := 0
	for _, path := range d.files {
		text := d.read(path)
		if strings.HasSuffix(path, ".md") {
			d.checkPage(path, text)
			checked++
			continue
		}
		d.checkComments(path, text)
	}
	if checked < 20 {
		t.Errorf("only %d pages were found", checked)
	}
}

// TestDocsFaults checks that each kind of fault is found, and that correct text has no faults.
func TestDocsFaults(t *testing.T) {
	for text, want := range map[string]string{
		"run `make e2e-contract`":                           "make e2e-contract: the Makefile has no such target",
		"```sh\nmake build tset\n```":                       "make tset",
		"`--db-pth=x`":                                      "--db-pth is no flag of ark-server: did you mean --db-path?",
		"```sh\nark-server \\\n  --db-pth=x\n```":           "has no flag --db-pth",
		"```sh\nbin/ark-server backup --storage=mysql\n```": "ark-server backup has no flag --storage",
		"`ark-server bakup --to=x`":                         "ark-server bakup: there is no such command",
		"`ark-server migrate upp`":                          "ark-server migrate upp: there is no such command",
		"set ARK_DB_PTH":                                    "ARK_DB_PTH",
		"[page](docs/none.md)":                              "docs/none.md, which does not exist",
		"[page](README.md#nowhere)":                         "a heading that README.md does not have",
		"[outside](../elsewhere/README.md)":                 "../elsewhere/README.md, which does not exist",
		"`internal/none/file.go`":                           "there is no file internal/none/file.go",
		"see decision 999":                                  "there is no decision 999",
		"// as (design, invariant 8) says":                  "a page about the design",
		"// see docs/none.md":                               "there is no page docs/none.md",

		"make sure, `make build`, `ark-server import --from-file=x`, `--db-path`, ARK_DB_PATH, [x](README.md#start), decision 1": "",
		"`kubectl get x --no-such-flag`, `docs/rules.md`, `[x](y)`":                                                              "",
	} {
		d := newDocs(t)
		var faults []string
		d.report = func(fault string) { faults = append(faults, fault) }
		if strings.HasPrefix(text, "//") {
			d.checkComments("page.go", text)
		} else {
			d.checkPage("page.md", text)
		}
		if got := strings.Join(faults, "\n"); !matches(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// docs holds the names that the documentation may use.
type docs struct {
	t *testing.T
	// report is called with every fault.
	report func(string)
	root   string
	files  []string // below the root
	known  struct {
		targets, variables []string
		flags              map[string][]string // of each command, by its path without the program's name
		parents            map[string]bool     // whether it has commands below it
	}
}

func newDocs(t *testing.T) *docs {
	d := &docs{t: t, report: func(fault string) { t.Error(fault) }, root: filepath.Join("..", "..")}
	err := filepath.WalkDir(d.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(d.root, path)
		if entry.IsDir() {
			if name != "." && (entry.Name() == ".git" || entry.Name() == ".cache" || entry.Name() == "bin" || entry.Name() == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		d.files = append(d.files, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(d.read("Makefile"), -1) {
		d.known.targets = append(d.known.targets, m[1])
	}
	d.known.flags, d.known.parents = map[string][]string{}, map[string]bool{}
	program := newCommand()
	program.InitDefaultCompletionCmd()
	program.InitDefaultHelpCmd()
	for _, cmd := range commandsOf(program) {
		var flags []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
		path := strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "ark-server"), " ")
		d.known.flags[path] = append(flags, "help", "version")
		d.known.parents[path] = cmd.HasSubCommands()
	}
	d.known.variables = []string{passwordVariable}
	for _, flag := range settings(newCommand()) {
		d.known.variables = append(d.known.variables, environmentName(flag))
	}
	return d
}

// commandsOf returns a command and all below it.
func commandsOf(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, commandsOf(sub)...)
	}
	return all
}

func (d *docs) read(path string) string {
	text, err := os.ReadFile(filepath.Join(d.root, path))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

func (d *docs) fault(path string, line int, format string, args ...any) {
	d.report(fmt.Sprintf("%s:%d: %s", path, line, fmt.Sprintf(format, args...)))
}

func (d *docs) exists(path string) bool {
	if path == "" {
		return true
	}
	found, err := filepath.Glob(filepath.Join(d.root, path))
	return err == nil && len(found) > 0
}

var (
	codeSpan    = regexp.MustCompile("`([^`]+)`")
	link        = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	makeTarget  = regexp.MustCompile(`(?:^|[\s;&|(])make ((?:[a-z][a-z0-9-]*|[A-Z_]+=\S+)(?: (?:[a-z][a-z0-9-]*|[A-Z_]+=\S+))*)`)
	ownCommand  = regexp.MustCompile(`(?:^|[\s/;&|(])ark-server((?: [a-z][a-z-]*\b)*)`)
	flagWord    = regexp.MustCompile(`(?:^|[\s\x60"'(\[])--([a-z][a-z0-9-]+)`)
	variable    = regexp.MustCompile(`\bARK_[A-Z0-9_]*[A-Z0-9]\b`)
	pageName    = regexp.MustCompile(`(?:^|[\s("'\x60])((?:[\w.-]+/)*[\w.-]+\.md)\b(?:#[\w-]+)?`)
	decision    = regexp.MustCompile(`\bdecisions? (\d+)\b`)
	designPage  = regexp.MustCompile(`\((?:the )?design(?:,|\))|\bdesign\.md\b`)
	sourceFile  = regexp.MustCompile(`^(?:cmd|internal|deploy|docs|e2e|\.ci)(?:/[\w.*-]+)+/?$`)
	fence       = regexp.MustCompile("^\\s*(?:```|~~~)")
	commentLine = regexp.MustCompile(`^\s*(?://|#|--)|\{\{-? ?/\*`)
)

// checkPage checks a Markdown page.
func (d *docs) checkPage(path, text string) {
	inCode := false
	command := "" // which a backslash continues on the next line
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		if fence.MatchString(line) {
			inCode = !inCode
			continue
		}
		d.checkVariables(path, n, line)
		if inCode {
			d.checkTargets(path, n, line)
			command += strings.TrimSuffix(line, `\`)
			if !strings.HasSuffix(line, `\`) {
				d.checkCommands(path, n, command)
				command = ""
			}
			continue
		}
		d.checkLinks(path, n, codeSpan.ReplaceAllString(line, ""))
		d.checkDecisions(path, n, line)
		for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
			d.checkTargets(path, n, span[1])
			d.checkCommands(path, n, span[1])
			d.checkSpan(path, n, span[1])
		}
	}
}

// checkComments checks what comments of other files name.
func (d *docs) checkComments(path, text string) {
	if strings.Contains(path, "zz_generated") || strings.Contains(path, "testdata/") || path == "cmd/ark-server/docs_test.go" || strings.HasSuffix(path, ".sum") {
		return
	}
	switch filepath.Ext(path) {
	case ".go", ".sh", ".yaml", ".tpl", ".txt", ".json", "":
	default:
		return
	}
	for i, line := range strings.Split(text, "\n") {
		if designPage.MatchString(line) {
			d.fault(path, i+1, "it names a page about the design, which is not in the repository: name a page below docs/, such as docs/architecture.md, or say it here")
		}
		if !commentLine.MatchString(line) {
			continue
		}
		d.checkDecisions(path, i+1, line)
		if strings.HasPrefix(path, "deploy/") {
			d.checkVariables(path, i+1, line)
			d.checkTargets(path, i+1, line)
		}
		for _, m := range pageName.FindAllStringSubmatch(line, -1) {
			page := m[1]
			if !d.exists(page) && !d.exists("docs/"+page) && !d.exists("docs/operations/"+page) && !d.exists(filepath.Join(filepath.Dir(path), page)) {
				d.fault(path, i+1, "there is no page %s: name one that is in the repository, from its root (docs/...)", page)
			}
		}
	}
}

func (d *docs) checkTargets(path string, n int, text string) {
	for _, m := range makeTarget.FindAllStringSubmatch(text, -1) {
		for _, target := range strings.Fields(m[1]) {
			if !strings.Contains(target, "=") && !slices.Contains(d.known.targets, target) {
				d.fault(path, n, "make %s: the Makefile has no such target: use one of %s", target, strings.Join(d.known.targets, ", "))
			}
		}
	}
}

// checkCommands checks sub-commands, and the flags that follow them on the line.
func (d *docs) checkCommands(path string, n int, text string) {
	text, _, _ = strings.Cut(text, " # ")
	found := ownCommand.FindAllStringSubmatchIndex(text, -1)
	for i, at := range found {
		end := len(text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		words := strings.Fields(text[at[2]:at[3]])
		command := ""
		for _, word := range words {
			longer := strings.TrimPrefix(command+" "+word, " ")
			if _, ok := d.known.flags[longer]; !ok {
				// If the program is run, such as in a command line, the next word is a sub-command.
				if d.known.parents[command] && runs(text[:at[2]-len("ark-server")]) {
					d.fault(path, n, "ark-server %s: there is no such command: ark-server --help lists them", longer)
				}
				break
			}
			command = longer
		}
		rest, _, _ := strings.Cut(text[at[3]:end], " | ")
		for _, f := range flagWord.FindAllStringSubmatch(rest, -1) {
			if runs(text[:at[2]-len("ark-server")]) && !slices.Contains(d.known.flags[command], f[1]) {
				d.fault(path, n, "ark-server %s has no flag --%s: ark-server %s --help-all lists them", command, f[1], command)
			}
		}
	}
}

// beforeCommand matches a word that may precede a program in a command line.
var beforeCommand = regexp.MustCompile(`^(\$|sudo|bin|\./bin|\.|exec|nohup|time|[A-Z_]+=\S*)$`)

// runs reports whether ark-server after a text is run there, and not only mentioned.
func runs(before string) bool {
	for _, word := range strings.Fields(strings.TrimSuffix(before, "/")) {
		if !beforeCommand.MatchString(word) {
			return false
		}
	}
	return true
}

func (d *docs) checkVariables(path string, n int, line string) {
	for _, name := range variable.FindAllString(line, -1) {
		if slices.Contains(d.known.variables, name) || name == runas.UserVariable || name == runas.FolderVariable || path == mistakesPage || isForeign(name) || isServiceVariable(name, "tcp://") {
			continue
		}
		d.fault(path, n, "%s: no flag of ark-server has this variable, nor do the tests%s", name, didYouMean(name, "", d.known.variables))
	}
}

func (d *docs) checkDecisions(path string, n int, line string) {
	for _, m := range decision.FindAllStringSubmatch(line, -1) {
		if !d.exists(fmt.Sprintf("docs/decisions/%04s-*.md", m[1])) {
			d.fault(path, n, "there is no decision %s in docs/decisions", m[1])
		}
	}
}

// checkLinks follows the links to files, and to headings in them.
func (d *docs) checkLinks(path string, n int, line string) {
	for _, m := range link.FindAllStringSubmatch(line, -1) {
		target, heading, _ := strings.Cut(m[1], "#")
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		to := path
		if target != "" {
			to = filepath.ToSlash(filepath.Join(filepath.Dir(path), target))
		}
		if strings.HasPrefix(to, "..") || !d.exists(to) {
			d.fault(path, n, "the link (%s) leads to %s, which does not exist: correct it, or write that page", m[1], to)
			continue
		}
		if heading != "" && strings.HasSuffix(to, ".md") && !slices.Contains(headings(d.read(to)), heading) {
			d.fault(path, n, "the link (%s) leads to a heading that %s does not have; it has %s", m[1], to, strings.Join(headings(d.read(to)), ", "))
		}
	}
}

// headings returns the anchors of a page's headings, as GitHub generates them.
func headings(text string) []string {
	var names []string
	inCode := false
	for _, line := range strings.Split(text, "\n") {
		if fence.MatchString(line) {
			inCode = !inCode
		}
		title := strings.TrimLeft(line, "#")
		if inCode || title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
				return r
			}
			return -1
		}, strings.ToLower(strings.TrimSpace(title)))
		names = append(names, name)
	}
	return names
}

// checkSpan checks a text in backticks that is a file of the repository, or begins with a flag.
func (d *docs) checkSpan(path string, n int, span string) {
	if sourceFile.MatchString(span) && !d.exists(span) && !d.exists(filepath.Join(filepath.Dir(path), span)) {
		d.fault(path, n, "there is no file %s in the repository", span)
	}
	if !strings.HasPrefix(span, "--") {
		return
	}
	for _, m := range flagWord.FindAllStringSubmatch(span, -1) {
		if !d.anyFlag(m[1]) && !slices.Contains(otherFlags, m[1]) {
			d.fault(path, n, "--%s is no flag of ark-server%s If it is another program's, write that program before it or add it to otherFlags in cmd/ark-server/docs_test.go",
				m[1], d.nearestFlag(m[1]))
		}
	}
}

func (d *docs) anyFlag(name string) bool {
	for _, flags := range d.known.flags {
		if slices.Contains(flags, name) {
			return true
		}
	}
	return false
}

func (d *docs) nearestFlag(name string) string {
	if hint := didYouMean(name, "--", settings(newCommand())); hint != "" {
		return hint
	}
	return "."
}

// otherFlags are flags of other programs that pages mention without the program.
var otherFlags = []string{
	"as", "as-of", "param", "used-by", // kubectl ark
	"auto-iam-authn",                            // Cloud SQL Auth Proxy
	"cascade", "force-conflicts", "server-side", // kubectl
	"requestheader-client-ca-file", "max-request-bytes", // kube-apiserver, etcd
	"reset-then-reuse-values", "reuse-values", "set", // helm
	"single-transaction",               // mysqldump
	"cap-add", "cap-drop", "read-only", // docker
}

// mistakesPage is about variables that are mistyped.
const mistakesPage = "docs/decisions/0023-mistyped-variables.md"
