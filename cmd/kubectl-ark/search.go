package main

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mckinsey/ark-server/internal/engine/ask"
)

func (a *app) searchCommand() *cobra.Command {
	var limit int
	cmd := a.withOutput(&cobra.Command{
		Use: "search WORD...", Short: "Find objects by words in their names, prompts, questions and answers",
		Example: `kubectl ark search rate limit phase:error
kubectl ark search '"out of tokens"' kind:Query after:2026-01-31 -A`,
		Args: atLeastOne("words"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.create(cmd, "searches", map[string]any{"query": strings.Join(args, " "), "allNamespaces": a.allNamespaces, "limit": limit})
		},
	}, "table", "wide", "json", "yaml", "name")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many to show, 200 at most")
	return a.withAllNamespaces(cmd)
}

// rows lists the forms of -o for answers that have rows.
var rows = []string{"table", "json", "yaml", "csv", "ndjson"}

func (a *app) sqlCommand() *cobra.Command {
	var file string
	var parameters map[string]string
	cmd := a.withOutput(&cobra.Command{
		Use: "sql STATEMENT", Short: "Run one SELECT over the objects that you may list",
		Example: `kubectl ark sql "select phase, count(*) from queries group by 1"
kubectl ark sql -f slowest.sql --param=since=2026-11-01 -o csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			statement := strings.Join(args, " ")
			if file != "" {
				var err error
				if statement, err = ask.ReadText("", file, a.in); err != nil {
					return err
				}
			}
			return a.create(cmd, "sqlqueries", withParameters(map[string]any{"query": statement, "allNamespaces": a.allNamespaces}, parameters))
		},
	}, rows...)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if (len(args) == 1) == (file != "") {
			return usage("sql takes one statement, or -f: %s", firstExample(cmd))
		}
		return nil
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "the `file` with the statement, - for the standard input")
	cmd.Flags().StringToStringVar(&parameters, "param", nil, "`NAME=VALUE` of a parameter, :NAME in the statement; more than once for more")
	return a.withAllNamespaces(cmd)
}

func (a *app) reportCommand() *cobra.Command {
	var parameters map[string]string
	cmd := a.withOutput(&cobra.Command{
		Use: "report [NAME]", Short: "Run a report, or list those that there are",
		Example: `kubectl ark report
kubectl ark report cost-by-agent --param=inputPrice=2.5 --param=outputPrice=10`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("report takes one name: kubectl ark report lists them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				path, err := a.records("reports")
				if err != nil {
					return err
				}
				return a.show(cmd.Context(), request{path: path})
			}
			return a.create(cmd, "sqlqueries", withParameters(map[string]any{"report": args[0], "allNamespaces": a.allNamespaces}, parameters))
		},
	}, rows...)
	cmd.Flags().StringToStringVar(&parameters, "param", nil, "`NAME=VALUE` of a parameter; more than once for more")
	return a.withAllNamespaces(cmd)
}

// withParameters adds values to a spec; a value that parses as a number is added as a number.
func withParameters(spec map[string]any, given map[string]string) map[string]any {
	if len(given) == 0 {
		return spec
	}
	values := map[string]any{}
	for name, text := range given {
		values[name] = text
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			values[name] = n
		}
	}
	spec["parameters"] = values
	return spec
}

// groups maps what usage can be counted by to its columns.
var groups = map[string]string{
	"agent": "target_name", "target": "target_name", "model": "model", "user": "user", "namespace": "namespace", "phase": "phase", "day": "day", "session": "session_id",
}

func (a *app) usageCommand() *cobra.Command {
	var by []string
	var since string
	cmd := a.withOutput(&cobra.Command{
		Use: "usage", Short: "Count queries and tokens, by agent, phase, day and others",
		Example: "kubectl ark usage --by agent,day --since 2026-11-01", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var columns []string
			for _, name := range by {
				column, known := groups[name]
				if !known {
					column = name // the server returns an error that lists its columns
				}
				columns = append(columns, column)
			}
			spec := map[string]any{
				"kind": "Query", "groupBy": columns, "allNamespaces": a.allNamespaces,
				"metrics": []string{"count", "sum(prompt_tokens)", "sum(completion_tokens)", "sum(total_tokens)", "p95(duration_ms)"},
			}
			if since != "" {
				spec["since"] = since
			}
			return a.create(cmd, "summaries", spec)
		},
	}, rows...)
	cmd.Flags().StringSliceVar(&by, "by", []string{"agent"}, "agent, phase, day, namespace or another column of queries; several with commas")
	cmd.Flags().StringVar(&since, "since", "", "only what was created from then on, such as 2026-11-01")
	return a.withAllNamespaces(cmd)
}

// create creates an object of the records group, and prints the answer.
func (a *app) create(cmd *cobra.Command, resource string, spec map[string]any) error {
	path, err := a.records(resource)
	if err != nil {
		return err
	}
	for name, value := range spec {
		if value == false || value == 0 {
			delete(spec, name)
		}
	}
	return a.show(cmd.Context(), request{method: http.MethodPost, path: path, body: map[string]any{"spec": spec}})
}
