package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/registry"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: refdoc folder template")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "refdoc:", err)
		os.Exit(1)
	}
	if err := os.WriteFile(os.Args[2], []byte(template()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "refdoc: write the chart's template:", err)
		os.Exit(1)
	}
}

// write replaces the folder's pages.
func write(folder string) error {
	pages, err := pages()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		return fmt.Errorf("list the old pages: %w", err)
	}
	for _, path := range old {
		if _, stays := pages[filepath.Base(path)]; !stays {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove an old page: %w", err)
			}
		}
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write a page: %w", err)
		}
	}
	return nil
}

const generated = "<!-- Written by make generate from the Go types. Do not edit. -->\n\n"

// pages returns the text of every page by file name.
func pages() (map[string]string, error) {
	kinds := registry.Kinds()
	slices.SortFunc(kinds, func(a, b registry.Kind) int { return strings.Compare(a.Name, b.Name) })
	index := &strings.Builder{}
	index.WriteString(generated + "# The kinds of the API\n\n" +
		"All kinds are in the group `ark.mckinsey.com` and in the category `ark`: `kubectl get ark` shows objects of every kind.\n" +
		"What is checked beyond the fields' own rules is in [rules](../rules.md).\n\n" +
		"| kind | version | resource | short | namespaced |\n|---|---|---|---|---|\n")
	types := newTypes()
	out := map[string]string{}
	for _, kind := range kinds {
		name := strings.ToLower(kind.Name) + ".md"
		text, err := kindPage(kind, types)
		if err != nil {
			return nil, fmt.Errorf("write about %s: %w", kind.Name, err)
		}
		out[name] = text
		fmt.Fprintf(index, "| [%s](%s) | %s | %s | %s | %s |\n", kind.Name, name, kind.GroupVersion.Version, kind.Plural,
			strings.Join(kind.ShortNames, ", "), yesNo(!kind.ClusterScoped))
	}
	out["README.md"] = index.String()
	return out, nil
}

// template returns the kinds that the chart's roles name, as a named template of Helm's.
func template() string {
	var plurals []string
	for _, kind := range registry.Kinds() {
		if !kind.ClusterScoped {
			plurals = append(plurals, kind.Plural)
		}
	}
	slices.Sort(plurals)
	return "{{- /* Written by make generate from the registry. Do not edit. */ -}}\n" +
		"{{- define \"ark.namespacedKinds\" -}}\n" + strings.Join(plurals, ", ") + "\n{{- end -}}\n"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
