package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The pages in the repository are those that the types make.
func TestReferenceIsCurrent(t *testing.T) {
	const folder = "../../../docs/reference"
	want, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil || len(found) != len(want) {
		t.Errorf("there are %d pages, want %d: run make generate (%v)", len(found), len(want), err)
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(got) != text {
			t.Errorf("%s is out of date: run make generate (%v)", name, err)
		}
	}
}

// So is what the chart says about the kinds.
func TestTemplateIsCurrent(t *testing.T) {
	got, err := os.ReadFile("../../../deploy/helm/ark-server/templates/_zz_generated.kinds.tpl")
	if err != nil || string(got) != template() {
		t.Errorf("the chart's template is out of date: run make generate (%v)", err)
	}
}

func TestPagesSayWhatUsersLookFor(t *testing.T) {
	all, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	for page, texts := range map[string][]string{
		"query.md": {"`qry`", "| Phase | `.status.phase` | every table |", "| `spec.target.name` | yes |", "| `timeout` | string | `\"30m\"` |", "one of `agent`, `model`, `team`, `tool`",
			"| `input` | any |  | required |", "`canceled`"},
		"model.md":     {"at most 100000", "[OpenAIModelConfig](#openaimodelconfig)"},
		"arkconfig.md": {"| namespaced | no |"},
		"README.md":    {"[ExecutionEngine](executionengine.md) | v1prealpha1"},
	} {
		for _, text := range texts {
			if !strings.Contains(all[page], text) {
				t.Errorf("%s: no %s in\n%s", page, text, all[page])
			}
		}
	}
}
