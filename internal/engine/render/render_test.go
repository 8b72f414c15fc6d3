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
		{text: "{{.evil}}", want: "{{.name}}"}, // data is never executed as a template
		{text: "{{if .name}}x{{else}}y{{end}}", want: "x"},
		{text: "{{range $k, $v := .}}{{$k}};{{end}}", want: "evil;name;"},
		{text: `{{printf "%s-%d" .name 3}}{{html "<"}}{{urlquery "a b"}}{{js "'"}}`, want: `Ada-3&lt;a+b\'`},
		{text: "{{.name", err: "unclosed action"},
		{text: "{{nothing}}", err: `function "nothing" not defined`},
		{text: "{{range 999999999}}{{end}}", err: "more than 100000 steps"},
		{text: `{{define "x"}}{{if .}}{{template "x" (slice . 1)}}{{template "x" (slice . 1)}}{{end}}{{end}}{{template "x" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}`, err: "steps"},
		{text: `{{$x := printf "%900000s" "a"}}{{$x = printf "%s%s" $x $x}}`, err: "more than 1048576 bytes"},
		{text: `{{printf "` + strings.Repeat("%[1]900000d", 9000) + `" 1}}`, err: "more than 1048576 bytes"},
		{text: `{{$x := printf "%900000s" "a"}}{{printf "` + strings.Repeat("%[1]s", 9000) + `" $x}}`, err: "more than 1048576 bytes"},
		{text: `{{$x := printf "%900000s" "a"}}{{print` + strings.Repeat(" $x", 9000) + `}}`, err: "more than 1048576 bytes"},
		{text: `{{define "x"}}{{$x := printf "%900000s" "a"}}{{template "x" .}}{{end}}{{template "x" .}}`, err: "more than 67108864 bytes together"},
		{text: `{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}`, err: "more than 1000 deep"},
		{text: "{{.name.first}}", err: "prompt:1:7: at <.name.first>: a text has no field first"},
		{text: `{{printf "%s" (index .list 5)}}`, err: "prompt:1:"},
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
