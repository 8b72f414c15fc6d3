package main

import (
	"fmt"
	"strings"

	"github.com/mckinsey/ark-server/internal/registry"
)

// kindPage is the page of one kind.
func kindPage(kind registry.Kind, types types) (string, error) {
	root, err := types.ofKind(kind)
	if err != nil {
		return "", err
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s# %s\n\n%s\n\n", generated, kind.Name, root.Schema.Description)
	fmt.Fprintf(b, "| | |\n|---|---|\n| apiVersion | `%s` |\n| kubectl | `%s`, `%s`, `%s` |\n| namespaced | %s |\n| subresources | `status` |\n",
		kind.GroupVersion, kind.Plural, kind.Singular, strings.Join(kind.ShortNames, "`, `"), yesNo(!kind.ClusterScoped))

	b.WriteString("\n## Columns\n\n| column | shows | in |\n|---|---|---|\n| Name | `.metadata.name` | every table |\n")
	for _, column := range kind.Columns {
		where := "every table"
		if column.Priority > 0 {
			where = "`-o wide`"
		}
		fmt.Fprintf(b, "| %s | `%s` | %s |\n", column.Name, escape(column.JSONPath), where)
	}

	b.WriteString("\n## Field selectors\n\nOperators are `=`, `==` and `!=`; several are joined by commas.\n\n| field | indexed |\n|---|---|\n| `metadata.name` | yes |\n")
	if !kind.ClusterScoped {
		b.WriteString("| `metadata.namespace` | no |\n")
	}
	for _, field := range kind.Fields {
		fmt.Fprintf(b, "| `%s` | yes |\n", field.Path)
	}

	b.WriteString("\n## Fields\n")
	for _, name := range types.used(root) {
		section(b, types, name)
	}
	return b.String(), nil
}

// section describes one type.
func section(b *strings.Builder, types types, name string) {
	schema := types.byName[name].Schema
	fmt.Fprintf(b, "\n### %s\n\n", title(name))
	if schema.Description != "" {
		fmt.Fprintf(b, "%s\n\n", text(schema.Description))
	}
	rows := types.fields(name)
	if len(rows) == 0 {
		b.WriteString("It has no fields.\n")
		return
	}
	b.WriteString("| field | type | default | rules | |\n|---|---|---|---|---|\n")
	for _, f := range rows {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", f.name, f.kind, f.value, f.rules, f.about)
	}
}

// title is a type's name without its package; v1prealpha1 has types of the same
// names as v1alpha1.
func title(name string) string { return name[strings.LastIndex(name, ".")+1:] }

// text is a description on one line; openapi-gen repeats the values of an enum
// in it, which have a column of their own.
func text(s string) string {
	s, _, _ = strings.Cut(s, "\n\nPossible enum values:")
	return escape(strings.Join(strings.Fields(s), " "))
}

func escape(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
