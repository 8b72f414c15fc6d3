package plugin

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// testOutputs has each command print in each form, or refuse it with a list of those that it has.
func testOutputs(t *testing.T, w *world) {
	const asked = "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Query, metadata: {name: printed}, spec: {input: hello, target: {type: agent, name: guide}}}"
	if code, out := w.run(asked, "create", "-f", "-"); code != 0 {
		t.Fatal(out)
	}
	if code, out := w.run("", "wait", "query/printed", "--for=jsonpath={.status.phase}=done", "--timeout=60s"); code != 0 {
		t.Fatal(out)
	}
	const thrown = "{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, metadata: {name: thrown}, spec: {prompt: x}}"
	for _, line := range [][]string{{"create", "-f", "-"}, {"delete", "agent", "thrown"}} {
		if code, out := w.run(thrown, line...); code != 0 {
			t.Fatal(out)
		}
	}
	all := []string{"text", "table", "wide", "json", "yaml", "csv", "ndjson", "name"}
	document, list := []string{"json", "yaml"}, []string{"table", "wide", "json", "yaml", "name"}
	rows, acted := []string{"table", "json", "yaml", "csv", "ndjson"}, []string{"text", "json", "yaml", "name"}
	for _, c := range []struct {
		line string
		has  []string
	}{
		{"query agent/guide hello", acted}, {"retry printed", acted}, {"cancel printed", acted},
		{"history agent/guide", list}, {"trash", list}, {"search hello", list}, {"blame agent/guide", document},
		{"sql select_1", rows}, {"report queries-by-phase", rows}, {"usage", rows},
		{"trace printed", append([]string{"table"}, document...)}, {"top --once", append([]string{"table"}, document...)},
		{"tree agent/guide", append([]string{"text"}, document...)}, {"doctor", append([]string{"text"}, document...)},
	} {
		for _, form := range all {
			line := strings.Fields(c.line)
			for i := range line {
				line[i] = strings.ReplaceAll(line[i], "_", " ")
			}
			out, errors, code := w.split(append([]string{"ark", "-o", form}, line...)...)
			if !slices.Contains(c.has, form) {
				if code != 2 || out != "" || !strings.Contains(errors, "--output="+form+": use one of") {
					t.Errorf("%s -o %s: exit %d, %q, %q", c.line, form, code, out, errors)
				}
				continue
			}
			if code != 0 || out == "" || !reads(form, out) {
				t.Errorf("%s -o %s: exit %d, %q, %q", c.line, form, code, out, errors)
			}
		}
	}
	for _, line := range []string{"chat agent/guide", "diff agent/guide", "version"} {
		if out, errors, code := w.split(append([]string{"ark", "-o", "json"}, strings.Fields(line)...)...); code != 2 || out != "" || !strings.Contains(errors, "one form of output") {
			t.Errorf("%s -o json: exit %d, %q, %q", line, code, out, errors)
		}
	}
}

// reads reports whether a text is of a form.
func reads(form, text string) bool {
	var value map[string]any
	switch form {
	case "json":
		return json.Unmarshal([]byte(text), &value) == nil
	case "yaml":
		return json.Unmarshal([]byte(text), &value) != nil && yaml.Unmarshal([]byte(text), &value) == nil
	case "ndjson":
		for line := range strings.Lines(text) {
			if json.Unmarshal([]byte(line), &value) != nil {
				return false
			}
		}
	case "csv":
		records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		return err == nil && len(records) > 1
	case "name":
		return !strings.Contains(text, " ")
	}
	return true
}
