package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mckinsey/ark-server/"

// pkg is a package as its files describe it.
type pkg struct {
	doc string
	// imports are those of other modules and, without the module's path, of this one.
	imports map[string]bool
}

// packages reads all packages of this module, for every platform, by their folders.
func packages(t *testing.T) map[string]*pkg {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*pkg{}
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if entry.Name() == "testdata" {
					return filepath.SkipDir
				}
				return nil
			}
			if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return nil
			}
			folder, err := filepath.Rel(root, filepath.Dir(file))
			if err != nil {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
			if err != nil {
				return err
			}
			p := found[filepath.ToSlash(folder)]
			if p == nil {
				p = &pkg{imports: map[string]bool{}}
				found[filepath.ToSlash(folder)] = p
			}
			if parsed.Doc != nil {
				p.doc += parsed.Doc.Text()
			}
			for _, spec := range parsed.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				if first, _, _ := strings.Cut(name, "/"); strings.Contains(first, ".") {
					p.imports[strings.TrimPrefix(name, module)] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 30 {
		t.Fatalf("only %d packages were found", len(found))
	}
	return found
}

var rule = regexp.MustCompile(`(?s)The package may import (.*?)\.(?:\s|$)`)

// allowed returns what a package's documentation lets it import.
func allowed(doc string) ([]string, error) {
	sentences := rule.FindAllStringSubmatch(doc, -1)
	if len(sentences) != 1 {
		return nil, fmt.Errorf(`its documentation has %d sentences "The package may import ...", want one`, len(sentences))
	}
	text := strings.Join(strings.Fields(sentences[0][1]), " ")
	if text == "the standard library only" {
		return nil, nil
	}
	items := strings.Split(strings.ReplaceAll(text, " and ", ", "), ", ")
	for _, item := range items {
		if strings.ContainsAny(item, " ()") || !strings.Contains(item, "/") {
			return nil, fmt.Errorf("its documentation lets it import %q, which is no path", item)
		}
	}
	return items, nil
}

// covers reports whether an allowance is for an import.
func covers(item, name string) bool {
	return item == name || !strings.HasPrefix(item, "internal/") && strings.HasPrefix(name, item+"/")
}

// Every package imports what its documentation lists, and nothing else.
func TestImportsAreThoseOfTheDocumentation(t *testing.T) {
	all := packages(t)
	for _, folder := range slices.Sorted(maps.Keys(all)) {
		items, err := allowed(all[folder].doc)
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		used := map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(all[folder].imports)) {
			at := slices.IndexFunc(items, func(item string) bool { return covers(item, name) })
			if at < 0 {
				t.Errorf("%s imports %s, which its documentation does not allow", folder, name)
				continue
			}
			used[items[at]] = true
		}
		for _, item := range items {
			if !used[item] {
				t.Errorf("%s: its documentation lets it import %s, which it does not", folder, item)
			}
		}
	}
}

// What a package may not reach, by whatever way within this module. "..." stands for all below a
// folder.
var unreachable = []struct{ from, to, reason string }{
	{"internal/mvcc", "internal/...", "the store knows no SQL, no protocol and no Kubernetes"},
	{"internal/etcdserver", "internal/mvcc/sqlite", "the endpoint knows no engine"},
	{"internal/etcdserver", "internal/mvcc/postgres", "the endpoint knows no engine"},
	{"internal/etcdserver", "internal/mvcc/mysql", "the endpoint knows no engine"},
	{"internal/registry", "internal/mvcc", "the API knows no store"},
	{"internal/apis/ark/v1alpha1", "internal/registry", "clients may use the types without the server"},
	{"internal/apiserver/layout", "internal/registry", "what moves objects without a server builds on it"},
	{"internal/transfer", "internal/apiserver/assembly", "a program that moves objects is no API server"},
	{"internal/transfer", "internal/registry", "a program that moves objects is no API server"},
	{"internal/apiserver/storage", "internal/mvcc", "the endpoint is below the seam"},
	{"internal/apiserver/storage", "internal/etcdserver", "the endpoint is below the seam"},
	{"internal/apiserver/filters", "internal/apiserver/storage", "filters do not know where objects are"},
	{"internal/aggregated", "internal/standalone", "the modes know nothing of each other"},
	{"internal/standalone", "internal/aggregated", "the modes know nothing of each other"},
}

func TestWhatIsOutOfReach(t *testing.T) {
	all := packages(t)
	for _, r := range unreachable {
		if all[r.from] == nil {
			t.Errorf("there is no package %s", r.from)
			continue
		}
		if way := wayTo(all, r.from, r.to, map[string]bool{}); way != nil {
			t.Errorf("%s: %s", strings.Join(way, " imports "), r.reason)
		}
	}
}

// wayTo returns the packages by which one reaches another.
func wayTo(all map[string]*pkg, from, to string, seen map[string]bool) []string {
	seen[from] = true
	for _, name := range slices.Sorted(maps.Keys(all[from].imports)) {
		if name == to || path.Base(to) == "..." && strings.HasPrefix(name, path.Dir(to)+"/") {
			return []string{from, name}
		}
		if all[name] == nil || seen[name] {
			continue
		}
		if way := wayTo(all, name, to, seen); way != nil {
			return append([]string{from}, way...)
		}
	}
	return nil
}

// Kubernetes itself, with its registries and controllers, stays in one room.
func TestKubernetesStaysInStandalone(t *testing.T) {
	for folder, p := range packages(t) {
		for name := range p.imports {
			if strings.HasPrefix(name, "k8s.io/kubernetes/") && folder != "internal/standalone" {
				t.Errorf("%s imports %s: only internal/standalone may", folder, name)
			}
		}
	}
}

// The rule is read as it is meant.
func TestRules(t *testing.T) {
	for doc, want := range map[string]string{
		"Package a is b.\n\nThe package may import the standard library only.\n":                  "[]",
		"The package may import internal/mvcc,\nk8s.io/api and go.etcd.io/etcd/api/v3. It is so.": "[internal/mvcc k8s.io/api go.etcd.io/etcd/api/v3]",
		"Package a is b.": "its documentation has 0 sentences",
		"The package may import internal/mvcc and what it needs.": `"what it needs", which is no path`,
		"The package may import a/b. The package may import c/d.": "has 2 sentences",
	} {
		items, err := allowed(doc)
		got := fmt.Sprint(items)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", doc, got, want)
		}
	}
	if covers("internal/mvcc", "internal/mvcc/sqlite") || !covers("k8s.io/api", "k8s.io/api/core/v1") || covers("k8s.io/api", "k8s.io/apiserver") {
		t.Error("an allowance is for more or less than it says")
	}
}
