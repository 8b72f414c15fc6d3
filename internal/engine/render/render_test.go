package render

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	data := map[string]string{"name": "Ada", "evil": "{{.name}}"}
	for _, c := range []struct{ text, want, err string }{
		{text: "no braces", want: "no braces"},
		{text: "a { b }", want: "a { b }"},
		{text: "Hello {{.name}}", want: "Hello Ada"},
		{text: "{{.missing}}", want: "<no value>"},
		{text: "{{.evil}}", want: "{{.name}}"}, // data is no template
		{text: "{{if .name}}x{{else}}y{{end}}", want: "x"},
		{text: "{{range $k, $v := .}}{{$k}};{{end}}", want: "evil;name;"},
		{text: `{{printf "%s-%d" .name 3}}{{html "<"}}{{urlquery "a b"}}{{js "'"}}`, want: `Ada-3&lt;a+b\'`},
		{text: "{{.name", err: "unclosed action"},
		{text: "{{nothing}}", err: `function "nothing" not defined`},
		{text: "{{range 999999999}}{{end}}", err: "more than 100000 steps"},
		{text: `{{define "x"}}{{if .}}{{template "x" (slice . 1)}}{{template "x" (slice . 1)}}{{end}}{{end}}{{template "x" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}`, err: "steps"},
		{text: `{{$x := printf "%900000s" "a"}}{{$x = printf "%s%s" $x $x}}`, err: "more than 1048576 bytes"},
		{text: `{{range 9}}{{printf "%900000s" "a"}}{{end}}`, err: "more than 4194304 bytes"},
	} {
		data := any(data)
		if strings.Contains(c.text, "range $k") {
			data = map[string]string{"name": "", "evil": ""}
		}
		got, err := Text("prompt", c.text, data)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%q: got %q, %v, want %q", c.text, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: got %v, want %s", c.text, err, c.err)
		}
	}
}
