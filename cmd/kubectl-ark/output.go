package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"
)

// accepts maps the forms of -o to media types.
var accepts = map[string]string{
	"table":  "application/json;as=Table;v=v1;g=meta.k8s.io",
	"wide":   "application/json;as=Table;v=v1;g=meta.k8s.io",
	"name":   "application/json;as=Table;v=v1;g=meta.k8s.io",
	"json":   "application/json",
	"yaml":   "application/json",
	"csv":    "text/csv",
	"ndjson": "application/x-ndjson",
}

// acted lists the forms of -o of commands that change an object.
var acted = []string{"text", "json", "yaml", "name"}

// show sends a request and prints the answer in the form of -o.
func (a *app) show(ctx context.Context, r request) error {
	r.accept = accepts[a.output]
	text, err := a.send(ctx, r)
	if err != nil {
		return err
	}
	switch a.output {
	case "json":
		var out bytes.Buffer
		if err := json.Indent(&out, text, "", "    "); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		out.WriteByte('\n')
		text = out.Bytes()
	case "yaml":
		if text, err = yaml.JSONToYAML(text); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
	case "table", "wide", "name":
		return a.table(text)
	}
	_, err = a.out.Write(text)
	return err
}

// done prints what a command has done to an object: as a sentence, as the object's name, or as the
// answer of the server.
func (a *app) done(answer []byte, name, sentence string) (err error) {
	switch a.output {
	case "name":
		_, err = fmt.Fprintln(a.out, name)
		return err
	case "json", "yaml":
		return a.document(json.RawMessage(answer))
	}
	_, err = fmt.Fprintln(a.out, name+" "+sentence)
	return err
}

// document prints a value as JSON or YAML.
func (a *app) document(value any) error {
	text, err := json.MarshalIndent(value, "", "    ")
	if err == nil && a.output == "yaml" {
		text, err = yaml.JSONToYAML(text)
	} else {
		text = append(text, '\n')
	}
	if err != nil {
		return fmt.Errorf("print it: %w", err)
	}
	_, err = a.out.Write(text)
	return err
}

// table prints a Table.
func (a *app) table(text []byte) error {
	table := &v1.Table{}
	if err := json.Unmarshal(text, table); err != nil {
		return fmt.Errorf("read the table: %w", err)
	}
	if table.Kind != "Table" {
		return fmt.Errorf("the server answered with a %s instead of a Table: use -o yaml", table.Kind)
	}
	if a.output == "name" {
		return a.names(table)
	}
	if len(table.Rows) == 0 {
		fmt.Fprintln(a.err, "Nothing found.")
		return nil
	}
	if err := printers.NewTablePrinter(printers.PrintOptions{Wide: a.output == "wide"}).PrintObj(table, a.out); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	if table.Continue != "" || table.RemainingItemCount != nil && *table.RemainingItemCount > 0 {
		fmt.Fprintln(a.err, "There is more: ask for fewer with a narrower question, or for all with -o json and continue.")
	}
	return nil
}

// names prints KIND/NAME of each row that is an object, and the first cell of other rows.
func (a *app) names(table *v1.Table) error {
	for _, row := range table.Rows {
		var of struct {
			Kind     string
			Metadata struct{ Name string }
		}
		name := ""
		if json.Unmarshal(row.Object.Raw, &of) == nil && of.Metadata.Name != "" {
			name = of.Metadata.Name
		} else if len(row.Cells) > 0 {
			name = fmt.Sprint(row.Cells[0])
		}
		if _, err := fmt.Fprintln(a.out, name); err != nil {
			return err
		}
	}
	return nil
}

// coloured reports whether the output is a terminal and the user has not disabled colours
// (no-color.org).
func (a *app) coloured() bool {
	file, ok := a.out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(file)
}
