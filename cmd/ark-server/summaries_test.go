package main

import (
	"strings"
	"testing"
)

// TestSummariesNeedOnlyList checks that summaries need no separate permission: they count what
// their caller may list. SQL needs a permission.
func TestSummariesNeedOnlyList(t *testing.T) {
	s := startServing(t)
	const records = "/apis/records.ark.mckinsey.com/v1alpha1/namespaces/default/"
	create(t, s, "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents", `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"one"},"spec":{"prompt":"hi"}}`)
	for _, c := range []struct {
		user, path, body string
		code             int
		want             string
	}{
		{"", "summaries", `{"spec":{"kind":"Agent"}}`, 201, `"rows":[[1]]`},
		{"eve", "summaries", `{"spec":{"kind":"Agent"}}`, 201, `"rows":[[0]]`},
		{"eve", "sqlqueries", `{"spec":{"query":"select 1"}}`, 403, "forbidden"},
		{"system:anonymous", "summaries", `{"spec":{"kind":"Agent"}}`, 403, "forbidden"},
	} {
		headers := []string{"Content-Type", "application/json"}
		if c.user != "" {
			headers = append(headers, "Impersonate-User", c.user)
		}
		if code, body := request(t, s.admin, "POST", records+c.path, c.body, headers...); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", c.user, c.path, code, body, c.code, c.want)
		}
	}
}
