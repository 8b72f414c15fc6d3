package render

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"text/template"
)

// library renders a text with text/template.
func library(text string, data any) (string, error) {
	t, err := template.New("prompt").Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, data)
	return out.String(), err
}

func testData() map[string]any {
	return map[string]any{
		"name": "Ada <b>", "empty": "", "n": float64(3), "i": 7, "u": uint8(9), "yes": true, "no": false, "nil": nil,
		"list": []any{"a", float64(1), nil, map[string]any{"x": "y"}}, "texts": []string{"p", "q"}, "none": []any{},
		"map":   map[string]any{"b": "two", "a": "one", "nil": nil, "deep": map[string]any{"list": []any{1, 2, 3}}},
		"named": map[string]string{"k": "v"}, "nilmap": map[string]any(nil),
	}
}

// seeds are the syntactic forms of the language.
var seeds = []string{
	"plain", "{{.}}", "{{.name}}", "{{.missing}}", "{{.missing.more}}", "{{.nil}}", "{{.nil.more}}", "{{.name.more}}", "{{$.name}}", "{{$}}",
	"{{.map.deep.list}}", "{{(index .list 3).x}}", "{{(index .list 2).x}}", "{{.map}}", "{{.n}} {{.i}} {{.u}} {{.yes}}",
	"{{if .name}}a{{else}}b{{end}}", "{{if .empty}}a{{else if .n}}b{{else}}c{{end}}", "{{if .none}}a{{end}}", "{{if .missing}}a{{else}}b{{end}}",
	"{{with .map}}{{.a}}{{else}}none{{end}}", "{{with $x := .n}}{{$x}}{{end}}", "{{with .missing}}a{{else with .name}}{{.}}{{end}}",
	"{{range .list}}[{{.}}]{{end}}", "{{range $i, $e := .list}}{{$i}}={{$e}};{{end}}", "{{range $k, $v := .map}}{{$k}}={{$v}};{{end}}",
	"{{range .none}}a{{else}}b{{end}}", "{{range 3}}{{.}}{{end}}", "{{range $i := .i}}{{$i}}{{end}}", "{{range $i, $j := 3}}{{end}}", "{{range .u}}{{.}}{{end}}",
	"{{range .name}}x{{end}}", "{{range .missing}}x{{else}}y{{end}}", "{{range .n}}x{{end}}", "{{range .nilmap}}x{{else}}y{{end}}",
	"{{range .list}}{{if eq . nil}}{{continue}}{{end}}{{.}}{{end}}", "{{range .texts}}{{.}}{{break}}{{end}}", "{{range $i, $e := .texts}}{{range $.texts}}{{$i}}{{.}}{{end}}{{end}}",
	"{{$x := 1}}{{range .texts}}{{$x = .}}{{end}}{{$x}}", "{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "{{$i := 0}}{{$e := 0}}{{range $i, $e = .texts}}{{end}}{{$i}}{{$e}}",
	`{{define "t"}}<{{.}}>{{end}}{{template "t" .name}}{{template "t"}}`, `{{template "none" .}}`, `{{block "b" .name}}{{.}}{{end}}`, `{{define "t"}}x{{end}}`, `{{define "t"}}{{$}}{{end}}{{template "t" 1}}`,
	"{{and .name .empty}}|{{and 1 2}}|{{or .empty .name}}|{{or .empty 0}}|{{not .empty}}", "{{and .empty (index .list 99)}}", "{{or .name (index .list 99)}}", "{{and}}", "{{.name | and 1}}", "{{.empty | or 0}}",
	"{{len .name}} {{len .list}} {{len .map}}", "{{len .n}}", "{{len nil}}", "{{len}}",
	`{{index .list 0}} {{index .map "a"}} {{index .map "none"}} {{index .named "none"}} {{index .name 0}} {{index .map "deep" "list" 1}}`, "{{index .list 9}}", "{{index .list -1}}", `{{index .list "a"}}`, "{{index .map 1}}", "{{index nil 1}}", "{{index .n 1}}", "{{index .list .u}}", "{{index .nilmap \"a\"}}", "{{index .list}}",
	"{{slice .name 1 2}} {{slice .list 1}} {{slice .texts 0 1 2}}", "{{slice .name 1 2 3}}", "{{slice .name 5 2}}", "{{slice .name 99}}", "{{slice .map 1}}", "{{slice .name}}",
	`{{printf "%s-%d-%v-%q" .name .i .list .n}}`, `{{printf "%5.1f|%-5s|%x" .n "a" "b"}}`, `{{printf .n}}`, `{{printf}}`, `{{.name | printf "%s|%s" "x"}}`, `{{print .missing .nil 1 2 "a"}}`, `{{println .name 1}}`, `{{printf "%v" .missing}}`, `{{printf "%*d" 5 3}}`, `{{printf "%%%d%%" 3}}`,
	"{{html .name}} {{html 1 .nil}} {{js .name}} {{urlquery .name 1}} {{.missing | html}}",
	"{{eq .n 3.0}} {{eq .i 7}} {{eq .u 9}} {{eq 9 .u}} {{eq .name \"a\" \"Ada <b>\"}} {{eq .nil nil}} {{eq .name nil}} {{eq .missing .nil}} {{eq .nilmap nil}} {{eq .map nil}}",
	"{{eq .n 3}}", "{{eq .name 3}}", "{{eq .map .map}}", "{{eq .list .list}}", "{{eq .map .list}}", "{{eq 1}}", "{{eq}}", "{{eq true true}}", "{{ne 1 2}} {{ne .name nil}}", "{{ne .n 3}}", "{{ne 1 2 3}}",
	"{{lt 1 2}} {{le 2 2}} {{gt 2 1}} {{ge 1 2}} {{lt .u 10}} {{lt 1 .u}} {{lt \"a\" .name}} {{lt 1.5 .n}}", "{{lt .n 1}}", "{{lt true false}}", "{{lt .nil 1}}", "{{lt .map .map}}", "{{le .name 1}}", "{{gt .u -1}}",
	"{{1}} {{1.5}} {{0x10}} {{'a'}} {{1e3}} {{1i}} {{true}} {{\"s\"}} {{`r`}} {{0b11}} {{1_000}} {{0x1p-2}} {{-3}}", "{{99999999999999999999}}", "{{nil}}", "{{nil | print}}", "{{1 | 2}}", "{{1 2}}", "{{.name | .n}}", "{{.name 1}}", "{{$.name 1}}", "{{(1)}}", "{{(print 1 | print) | print 2}}", "{{(nil).a}}",
	"  {{- 1 -}}  ", "{{/* note */}}x", "{{- /* note */ -}} x", "{{call .name}}", "{{nothing}}", "{{.name", "{{if}}{{end}}", "{{end}}", "{{break}}", "{{$x}}", "{{.a.b.c.d}}", "{{with $y := 1}}{{end}}{{$y}}", "{{print | print}}", "{{print print}}",
}

// TestEqual checks that the package renders what text/template renders, and fails where it fails.
func TestEqual(t *testing.T) {
	for _, text := range seeds {
		sameAsLibrary(t, text)
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // it makes tests
	for range 3_000 {
		sameAsLibrary(t, (&maker{random}).list(4))
	}
}

// FuzzText does the same with arbitrary texts.
func FuzzText(f *testing.F) {
	for _, text := range seeds {
		f.Add(text)
	}
	f.Fuzz(sameAsLibrary)
}

func sameAsLibrary(t *testing.T, text string) {
	t.Helper()
	got, err := Text("prompt", text, testData())
	if err != nil && strings.Contains(err.Error(), "more than") {
		return // a bound, which the library does not have
	}
	want, fault := library(text, testData())
	switch {
	case (err == nil) != (fault == nil):
		// The library lets arguments pass where there is nothing to call, and has the function call.
		if err == nil || !strings.Contains(err.Error(), "takes no arguments") {
			t.Errorf("%q: got %q, %v; text/template has %q, %v", text, got, err, want, fault)
		}
	case err == nil && got != want:
		t.Errorf("%q: got %q; text/template has %q", text, got, want)
	case err != nil && !strings.HasPrefix(err.Error(), "prompt:"):
		t.Errorf("%q: %v names no place", text, err)
	}
}

// maker generates random templates.
type maker struct{ *rand.Rand }

func (m *maker) pick(of ...string) string { return of[m.IntN(len(of))] }

func (m *maker) list(depth int) string {
	var out strings.Builder
	for range m.IntN(3) + 1 {
		io.WriteString(&out, m.node(depth)) //nolint:errcheck // to memory
	}
	return out.String()
}

func (m *maker) node(depth int) string {
	if depth == 0 {
		return m.pick("x", "{{.}}", "{{"+m.value(0)+"}}")
	}
	switch m.IntN(8) {
	case 0:
		return "{{if " + m.pipe(depth) + "}}" + m.list(depth-1) + "{{else}}" + m.list(depth-1) + "{{end}}"
	case 1:
		return "{{with " + m.pipe(depth) + "}}" + m.list(depth-1) + "{{end}}"
	case 2:
		return "{{range " + m.pick("", "$v := ", "$k, $v := ") + m.pick(".list", ".map", "$.texts", "3", m.pipe(depth)) + "}}" + m.list(depth-1) + m.pick("", "{{break}}", "{{continue}}") + "{{else}}-{{end}}"
	case 3:
		return "{{$v := " + m.pipe(depth) + "}}{{$v}}"
	case 4:
		return "{{$k := 0}}{{$k = " + m.pipe(depth) + "}}{{$k}}"
	default:
		return "{{" + m.pipe(depth) + "}}"
	}
}

func (m *maker) pipe(depth int) string {
	text := m.command(depth)
	for m.IntN(4) == 0 {
		text += " | " + m.pick("print", "html", "len", "not", "printf \"%v %v\" 1", "eq 1", "index .map", "and 1", "or 0")
	}
	return text
}

func (m *maker) command(depth int) string {
	function := m.pick("", "", "print", "html", "js", "len", "not", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "index", "slice", "printf", "urlquery", "println")
	if function == "" {
		return m.value(depth)
	}
	for range m.IntN(3) + 1 {
		function += " " + m.value(depth)
	}
	return function
}

func (m *maker) value(depth int) string {
	if depth > 0 && m.IntN(4) == 0 {
		return "(" + m.pipe(depth-1) + ")" + m.pick("", "", ".a")
	}
	names := strings.Split("name empty n i u yes no nil list texts none map named nilmap missing", " ")
	return m.pick("."+m.pick(names...), "$."+m.pick(names...), ".", "$", "1", "0", "2.5", `"a"`, `"%v"`, "true", "nil", ".map.deep.list", ".map.a", ".map.nil.x", ".missing.x", fmt.Sprint(m.IntN(5)))
}
