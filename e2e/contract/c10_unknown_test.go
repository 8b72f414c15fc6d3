package contract

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// unknownField: what a client misspells is refused, reported or ignored, as it asks.
func unknownField(t *testing.T, p place) {
	const text = `unknown field "spec.mistake"`
	misspelt := func(short string) object {
		return p.sample(short, func(o object) { setField(o, 1, "spec", "mistake") })
	}
	p.create(t, "one")
	update := p.changed(p.read(t, "one"))
	setField(update, 1, "spec", "mistake")
	for name, write := range map[string]func(parameters ...string) answer{
		"create": func(q ...string) answer { return p.post(t, misspelt("created"), append(q, "dryRun=All")...) },
		"update": func(q ...string) answer { return p.put(t, update, append(q, "dryRun=All")...) },
		"merge patch": func(q ...string) answer {
			return p.patch(t, "one", mergePatch, `{"spec":{"mistake":1}}`, append(q, "dryRun=All")...)
		},
		"JSON patch": func(q ...string) answer {
			return p.patch(t, "one", jsonPatch, `[{"op":"add","path":"/spec/mistake","value":1}]`, append(q, "dryRun=All")...)
		},
	} {
		if strings.HasSuffix(name, "patch") { // Kubernetes finds the result invalid, rather than the request bad.
			write("fieldValidation=Strict").refused(t, 422, metav1.StatusReasonInvalid, text)
		} else {
			write("fieldValidation=Strict").refused(t, 400, metav1.StatusReasonBadRequest, text)
		}
		for _, parameters := range [][]string{{"fieldValidation=Warn"}, {}} {
			a := write(parameters...)
			if a.code != 200 && a.code != 201 {
				t.Errorf("%s with %q: %d: %s", name, parameters, a.code, excerpt(a.body))
			}
			if warnings := a.header.Values("Warning"); !slices.ContainsFunc(warnings, func(w string) bool { return strings.HasPrefix(w, "299 - ") && strings.Contains(w, `spec.mistake`) }) {
				t.Errorf("%s with %q: warnings %q", name, parameters, warnings)
			}
			if field(a.object(t), "spec", "mistake") != nil {
				t.Errorf("%s with %q has kept the unknown field", name, parameters)
			}
		}
		if a := write("fieldValidation=Ignore"); a.code >= 300 || strings.Contains(strings.Join(a.header.Values("Warning"), " "), "unknown field") {
			t.Errorf("%s with Ignore: %d, warnings %q", name, a.code, a.header.Values("Warning"))
		}
	}
	duplicate := strings.Replace(string(encode(p.sample("twice"))), `"spec":{`, `"spec":{},"spec":{`, 1)
	p.do(t, request{method: "POST", path: p.collection() + "?fieldValidation=Strict", body: duplicate}).
		refused(t, 400, metav1.StatusReasonBadRequest, `duplicate field "spec"`)
	// Upstream answers 500 to an apply that does not fit the schema.
	if a := p.apply(t, "tester", misspelt("applied")); !p.system.asUpstream() {
		a.refused(t, 400, metav1.StatusReasonBadRequest, ".spec.mistake: field not declared in schema")
	}
	p.post(t, p.sample("x"), "fieldValidation=Perhaps").refused(t, 422, metav1.StatusReasonInvalid, "fieldValidation", "Perhaps")
	p.gone(t, "applied")
}

// kubectlIsStrict: by default kubectl has the server refuse unknown fields.
func kubectlIsStrict(t *testing.T, s *server) {
	kubectl, err := component.NewKubectl(s.kubeconfig, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := s.place(t, kindNamed("Query"))
	manifest := string(encode(p.sample("one", func(o object) { setField(o, 1, "spec", "mistake") })))
	for flag, want := range map[string]struct {
		code int
		text string
	}{
		"--validate=true":   {1, `unknown field "spec.mistake"`},
		"":                  {1, `unknown field "spec.mistake"`},
		"--validate=warn":   {0, `Warning: unknown field "spec.mistake"`},
		"--validate=ignore": {0, ""},
	} {
		args := []string{"create", "--dry-run=server", "-f", "-"}
		if flag != "" {
			args = append(args, flag)
		}
		r, err := kubectl.Run(t.Context(), manifest, args...)
		if err != nil {
			t.Fatal(err)
		}
		if r.Code != want.code || !strings.Contains(r.Stderr, want.text) || want.text == "" && r.Stderr != "" {
			t.Errorf("kubectl create %s: exit code %d, want %d with %q: %s", flag, r.Code, want.code, want.text, r.Stderr)
		}
	}
}
