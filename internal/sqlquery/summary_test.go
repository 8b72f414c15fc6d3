package sqlquery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestSummaries(t *testing.T) {
	r := open(t)
	for want, s := range map[string]Summary{
		"[[10]]":                 {Kind: "Query"},
		"[[done 10 45 4.5 0 9]]": {Kind: "Query", GroupBy: []string{"phase"}, Metrics: []string{"count", "sum(total_tokens)", "avg(total_tokens)", "min(total_tokens)", "max(total_tokens)"}},
		"[[4.5 8.1 10 1 0]]":     {Kind: "Query", Metrics: []string{"p50(total_tokens)", "p90(total_tokens)", "distinct(name)", "distinct(phase)", "count(session_id)"}},
		"[[0]]":                  {Kind: "Query", Where: map[string]any{"phase": "error"}},
		"[[<nil> 1]]":            {Kind: "Query", GroupBy: []string{"day"}, Where: map[string]any{"total_tokens": int64(3), "canceled": false, "session_id": nil}},
		"[[open9 9] [open8 8]":   {Kind: "Query", GroupBy: []string{"name"}, Metrics: []string{"sum(total_tokens)"}, OrderBy: "-sum(total_tokens)"},
		"[]":                     {Kind: "Query", GroupBy: []string{"week"}, Since: "2026-01-01", Until: "2026-02-01T00:00:00Z"},
		"[[open0 1] [open1 1]":   {Kind: "Team", GroupBy: []string{"name"}},
	} {
		statement, parameters, err := s.Statement()
		if err != nil {
			t.Errorf("%+v: %v", s, err)
			continue
		}
		answer, err := r.Run(t.Context(), Request{Query: statement, Parameters: parameters, Rows: inA()})
		if err != nil || !strings.HasPrefix(fmt.Sprint(answer.Rows), want) {
			t.Errorf("%s: got %+v %v, want %s", statement, answer, err, want)
		}
	}
	var fault *Error
	for want, s := range map[string]Summary{
		"none of Agent":        {Kind: "Secret"},
		"no column \"x\"":      {Kind: "Query", GroupBy: []string{"x"}},
		"no column \"y\"":      {Kind: "Query", Metrics: []string{"sum(y)"}},
		"is none of count":     {Kind: "Query", Metrics: []string{"sum(total_tokens) FROM models --"}},
		"p95(column)":          {Kind: "Query", Metrics: []string{"p0(total_tokens)"}},
		"no column \"1=1 --\"": {Kind: "Query", Where: map[string]any{"1=1 --": "x"}},
		"is no time":           {Kind: "Query", Since: "yesterday"},
		"neither a group nor":  {Kind: "Query", OrderBy: "name; drop table x"},
	} {
		if _, _, err := s.Statement(); !errors.As(err, &fault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", s, err, want)
		}
	}
}
