package direct

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	h := &Handler{groups: []string{"ark.example.com"}}
	for name, c := range map[string]struct{ cluster, own, want string }{
		"groups": {`{"kind":"APIGroupList","groups":[{"name":"apps"}]}`, `{"groups":[{"name":"ark.example.com","versions":[1]},{"name":"other"}]}`,
			`{"groups":[{"name":"apps"},{"name":"ark.example.com","versions":[1]}],"kind":"APIGroupList"}`},
		"discovery": {`{"items":[{"metadata":{"name":"apps"}}]}`, `{"items":[{"metadata":{"name":"ark.example.com"}}]}`,
			`{"items":[{"metadata":{"name":"apps"}},{"metadata":{"name":"ark.example.com"}}]}`},
		"OpenAPI": {`{"paths":{"apis/apps/v1":1}}`, `{"paths":{"apis/ark.example.com/v1":2,"apis/ark.example.com.evil/v1":3,"version":4}}`,
			`{"paths":{"apis/apps/v1":1,"apis/ark.example.com/v1":2}}`},
	} {
		cluster, own := answer(c.cluster), answer(c.own)
		document, missing, err := h.lacks(cluster)
		if err != nil || !missing {
			t.Errorf("%s: missing %t, %v", name, missing, err)
		}
		if err := h.add(document, own); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, err := json.Marshal(document)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if _, missing, err := h.lacks(answer(string(got))); err != nil || missing {
			t.Errorf("%s: still missing", name)
		}
	}
	if _, _, err := h.lacks(answer("{")); err == nil {
		t.Error("half a document was read")
	}
}

func answer(body string) *recorder {
	a := &recorder{header: http.Header{"Content-Type": {"application/json;g=apidiscovery.k8s.io;v=v2"}}}
	if _, err := a.Write([]byte(body)); err != nil {
		panic(err)
	}
	return a
}

// A document that is too long is an error, not the beginning of one.
func TestRecorderIsBounded(t *testing.T) {
	a := &recorder{header: http.Header{}}
	if _, err := a.Write([]byte(strings.Repeat("x", maxDocument))); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("one byte more was taken")
	}
}
