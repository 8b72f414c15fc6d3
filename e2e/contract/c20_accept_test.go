package contract

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func acceptsJSON(t *testing.T, p place) {
	const protobuf = "application/vnd.kubernetes.protobuf"
	p.create(t, "one")
	for _, accept := range []string{protobuf + ",application/json", "application/json, */*", "*/*", ""} {
		for _, path := range []string{p.path("one"), p.query()} {
			a := p.do(t, request{method: "GET", path: path, accept: accept}).want(t, 200)
			if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
				t.Errorf("GET %s with Accept: %s answers %s", path, accept, got)
			}
			a.object(t)
		}
	}
	if a := p.do(t, request{method: "GET", path: p.path("one"), accept: "application/yaml"}).want(t, 200); !strings.Contains(string(a.body), "kind: "+p.kind.Kind+"\n") {
		t.Errorf("as YAML: %s", excerpt(a.body))
	}
	p.do(t, request{method: "GET", path: p.path("one"), accept: protobuf}).want(t, 406)
	a, err := p.try(t.Context(), request{method: "POST", path: p.collection(), contentType: protobuf, body: "k8s\x00"})
	switch {
	case err == nil:
		a.refused(t, 415, metav1.StatusReasonUnsupportedMediaType)
	case !p.system.reference || !strings.Contains(err.Error(), "INTERNAL_ERROR"): // The handler of CRDs panics, which breaks the stream.
		t.Errorf("POST of protobuf: %v", err)
	}
	w := p.watchWith(t, request{path: p.query("resourceVersion=0"), accept: protobuf + ",application/json"})
	if e := w.next(t); e.Type != "ADDED" || e.object().GetName() != p.name("one") {
		t.Errorf("a watch that prefers protobuf: %s", e)
	}
}
