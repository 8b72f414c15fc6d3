package transfer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	agentYAML = "apiVersion: ark.mckinsey.com/v1alpha1\nkind: Agent\nmetadata: {name: NAME}\nspec: {prompt: Be brief.}\n"
	agentJSON = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"NAME"},"spec":{}}`
)

func named(text, name string) string { return strings.ReplaceAll(text, "NAME", name) }

// collect reads a text and returns where each object was found, and its content.
func collect(text, extension string) (where []string, content string, err error) {
	err = readDocuments("f", extension, strings.NewReader(text), func(items []Item) error {
		for _, item := range items {
			where = append(where, item.Where)
			content += string(item.Text) + "\n"
		}
		return nil
	})
	return where, content, err
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	yaml, json := named(agentYAML, "a"), named(agentJSON, "a")
	for _, c := range []struct {
		name, extension, text string
		want                  []string
	}{
		{"one document", ".yaml", yaml, []string{"f, line 1"}},
		{"several", ".yaml", "# one\n---\n" + yaml + "---\n\n# three\n" + yaml + "--- \n" + yaml, []string{"f, line 3", "f, line 10", "f, line 15"}},
		{"no end of line", ".yaml", "---\n" + strings.TrimSuffix(yaml, "\n"), []string{"f, line 2"}},
		{"nothing but comments", ".yaml", "# nothing\n---\n---\n", nil},
		{"nothing", "", "", nil},
		{"dashes in a text", ".yaml", strings.Replace(yaml, "Be brief.", "'a --- b'", 1), []string{"f, line 1"}},
		{"flow style", ".yaml", "{apiVersion: v1, kind: X}\n", []string{"f, line 1"}},
		{"a list", ".yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: X}\n- {apiVersion: v1, kind: Y}\n", []string{"f, line 1, item 1", "f, line 1, item 2"}},
		{"an empty list", ".yaml", "apiVersion: v1\nkind: List\nitems: []\n", nil},
		{"NDJSON", ".ndjson", json + "\n" + json + "\n\n" + json + "\n", []string{"f, line 1", "f, line 2", "f, line 4"}},
		{"JSON over several lines", ".json", "{\n\"kind\": \"A\"\n}\n{\n}\n", []string{"f, line 1", "f, line 4"}},
		{"JSON without lines", ".json", json + json, []string{"f, line 1", "f, line 1"}},
		{"JSON by its look", "", "\n " + json + "\n", []string{"f, line 2"}},
		{"YAML by its look", "", yaml, []string{"f, line 1"}},
		{"a typed list", ".json", `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"AgentList","items":[{"metadata":{}}]}`, []string{"f, line 1, item 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, content, err := collect(c.text, c.extension)
			if err != nil || strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			if c.name == "a typed list" && !strings.Contains(content, `"kind":"Agent"`) {
				t.Errorf("the items have no kind: %s", content)
			}
		})
	}
}

// A text that cannot be read is an error with the line; what came before it is taken.
func TestMalformedDocuments(t *testing.T) {
	t.Parallel()
	yaml, json := named(agentYAML, "a"), named(agentJSON, "a")
	for _, c := range []struct {
		name, extension, text string
		line, before          int
		want                  string
	}{
		{"a tab", ".yaml", yaml + "---\nkind: A\nmetadata:\n\tname: x\n", 8, 1, "character"},
		{"a bracket", ".yaml", "a: [1\nb: 2\n", 1, 0, "']'"},
		{"a repeated key", ".yaml", yaml + "---\na: 1\na: 2\n", 7, 1, `"a"`},
		{"not JSON", ".ndjson", json + "\n" + json + "\n{\"a\":nonsense}\n", 3, 2, "invalid character"},
		{"JSON cut off", ".ndjson", json + "\n" + json[:40], 2, 1, "not complete"},
		{"a JSON list", ".json", "\n[" + json + "]", 2, 0, "one object after the other"},
		{"something after JSON", ".json", json + "\n}\n", 2, 1, "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := collect(c.text, c.extension)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("%v, want a syntax error", err)
			}
			if syntax.Line != c.line || len(got) != c.before || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v with %d objects before it; want line %d, %q and %d", err, len(got), c.line, c.want, c.before)
			}
		})
	}
}

func FuzzDocuments(f *testing.F) {
	for _, extension := range []string{".yaml", ".json", ""} {
		for _, text := range []string{named(agentYAML, "a"), named(agentJSON, "a"), "---\n--- {}\n", "[]", "{", "\x00"} {
			f.Add(text, extension)
		}
	}
	all, err := newKinds()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, extension string) {
		lines := strings.Count(text, "\n") + 1
		err := readDocuments("f", extension, strings.NewReader(text), func(items []Item) error {
			for _, item := range items {
				if o, err := all.read(item.Text); err == nil {
					_, _ = o.form() // must not panic
				}
			}
			return nil
		})
		var syntax *SyntaxError
		if errors.As(err, &syntax) && (syntax.Line < 1 || syntax.Line > lines+1) {
			t.Errorf("line %d of %d: %v", syntax.Line, lines, err)
		}
	})
}

// Manifests get an identity like objects that are made through the API, and keep it.
func TestImportFiles(t *testing.T) {
	t.Parallel()
	f, dir := newFixture(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a.yaml": named(agentYAML, "a") + "---\n" + named(agentYAML, "b"), "more/c.json": named(agentJSON, "c"), "notes.txt": "no manifest",
		"secret.yml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: hush}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := func() Source {
		t.Helper()
		files, err := OpenFiles(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	var told said
	wantCounts(t, mustImport(t, open(), f, ImportOptions{Prune: true, Reports: told.reports()}), map[Outcome]int{Created: 3, LeftOut: 1})
	told.want(t, "secrets: left out: default/s")
	first, revision := f.object(t, "ark.mckinsey.com/agents/default/a")
	meta := metadata(first)
	if meta["uid"] == nil || meta["creationTimestamp"] == nil || meta["generation"] == nil {
		t.Errorf("no identity: %v", meta)
	}
	wantCounts(t, mustImport(t, open(), f, whole), map[Outcome]int{Unchanged: 3, LeftOut: 1})
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(strings.Replace(named(agentYAML, "a"), "brief", "kind", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, mustImport(t, open(), f, whole), map[Outcome]int{Updated: 1, Unchanged: 1, LeftOut: 1})
	elsewhere := filepath.Join(t.TempDir(), "again.yaml")
	if err := os.WriteFile(elsewhere, []byte(strings.Replace(named(agentYAML, "b"), "brief", "kind", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := OpenFiles(elsewhere, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, mustImport(t, files, f, whole), map[Outcome]int{Updated: 1})
	second, now := f.object(t, "ark.mckinsey.com/agents/default/a")
	if metadata(second)["uid"] != meta["uid"] || now == revision {
		t.Errorf("%v became %v", first, second)
	}
	if b, _ := f.object(t, "ark.mckinsey.com/agents/default/b"); b == nil {
		t.Error("what a file does not name any more was deleted")
	}
}

func TestOpenFilesRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, want := range map[string]string{filepath.Join(dir, "missing.yaml"): "no such file", dir: "no file that ends in .yaml"} {
		if _, err := OpenFiles(path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// A file is written whole or not at all, over nothing, and for its owner only.
func TestWriteFile(t *testing.T) {
	t.Parallel()
	f, w, dir := newFixture(t), newWorld(), t.TempDir()
	w.samples(t, f.all, 2)
	mustImport(t, w, f, whole)
	path := filepath.Join(dir, "ark.ndjson")
	if _, err := WriteFile(t.Context(), f.Store, path, NDJSON, nil, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	written, err := os.ReadFile(path)
	if err != nil || bytes.Count(written, []byte("\n")) != len(w.objects) {
		t.Errorf("%d lines for %d objects, %v", bytes.Count(written, []byte("\n")), len(w.objects), err)
	}
	if _, err := WriteFile(t.Context(), f.Store, path, NDJSON, nil, WriteOptions{}); !errors.Is(err, ErrExists) {
		t.Errorf("%v, want %v", err, ErrExists)
	}
	if _, err := WriteFile(t.Context(), f.Store, filepath.Join(dir, "missing", "x.yaml"), YAML, nil, WriteOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left over: %v, %v", left, err)
	}
}
