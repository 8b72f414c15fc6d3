package history

import (
	"bytes"
	"encoding/json"
	"testing"
)

var metaTexts = []string{
	`{"kind":"Agent","metadata":{"name":"a","uid":"u-1","generation":3,"labels":{"a":"b"},"annotations":{"ark.mckinsey.com/change-cause":"a \"quoted\" \\ cause"},"finalizers":["f"]},"spec":{"prompt":"x \\\" } ] , y","list":[1,{"metadata":{}},null]},"status":{}}`,
	" {\n \"kind\" : \"A\\u0067ent\" ,\t\"metadata\" : { \"generation\" : 12 , \"uid\" : \"\\\"\" } }\n",
	`{"kind":"x","n":-1.5e3,"b":true,"metadata":{}}`,
	`{}`, `{"metadata":null}`, `[]`, ``, `{`, `{"kind":"a"`, `{"kind":"a",}`, `{"kind"}`, `{"a":"\`, `k8s:enc:aescbc:v1:key:{}`, `{"kind":"a"}x`, `{"kind":1}`, `{"metadata":{"generation":"x"}}`,
}

// FuzzMeta checks that a valid object is parsed as encoding/json parses it, and that no input
// causes a panic.
func FuzzMeta(f *testing.F) {
	for _, s := range metaTexts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := &meta{}
		ok := got.read(text)
		var want struct {
			Kind     string `json:"kind"`
			Metadata *struct {
				UID         string            `json:"uid"`
				Generation  int64             `json:"generation"`
				Annotations map[string]string `json:"annotations"`
				Labels      json.RawMessage   `json:"labels"`
			} `json:"metadata"`
		}
		// encoding/json also accepts names in other cases, repeated names and nulls, none of which the
		// server writes.
		if !json.Valid(text) || json.Unmarshal(text, &want) != nil || want.Metadata == nil || bytes.Contains(text, []byte("null")) || !plainNames(text) {
			return
		}
		if !ok {
			t.Fatalf("%s: not read", text)
		}
		if got.kind != want.Kind || got.uid != want.Metadata.UID || got.generation != want.Metadata.Generation ||
			got.cause != want.Metadata.Annotations[CauseAnnotation] || !bytes.Equal(got.labels, want.Metadata.Labels) {
			t.Fatalf("%s: got %+v, want %+v", text, got, want)
		}
	})
}

// plainNames reports whether each name that the parser uses occurs once, in its own case and
// without escapes.
func plainNames(text []byte) bool {
	lower := bytes.ToLower(text)
	for _, name := range []string{`"kind"`, `"metadata"`, `"uid"`, `"generation"`, `"annotations"`, `"labels"`, CauseAnnotation} {
		if bytes.Count(lower, []byte(name)) > 1 || bytes.Count(text, []byte(name)) != bytes.Count(lower, []byte(name)) {
			return false
		}
	}
	return !bytes.Contains(lower, []byte(`\u`))
}

// TestStatusOnly checks that a change outside the status is not reported as a change of only the
// status.
func TestStatusOnly(t *testing.T) {
	read := func(text string) *meta {
		m := &meta{}
		if !m.read([]byte(text)) {
			t.Fatalf("%s: not read", text)
		}
		return m
	}
	base := `{"metadata":{"generation":1,"labels":{"a":"b"},"annotations":{"c":"d"},"finalizers":["f"],"resourceVersion":"1"},"status":{"phase":"x"}}`
	for text, want := range map[string]bool{
		`{"metadata":{"generation":1,"labels":{"a":"b"},"annotations":{"c":"d"},"finalizers":["f"],"resourceVersion":"2"},"status":{"phase":"y"}}`: true,
		`{"metadata":{"generation":2,"labels":{"a":"b"},"annotations":{"c":"d"},"finalizers":["f"]},"status":{"phase":"y"}}`:                       false,
		`{"metadata":{"generation":1,"labels":{"a":"c"},"annotations":{"c":"d"},"finalizers":["f"]},"status":{"phase":"x"}}`:                       false,
		`{"metadata":{"generation":1,"labels":{"a":"b"},"annotations":{"c":"e"},"finalizers":["f"]},"status":{"phase":"x"}}`:                       false,
		`{"metadata":{"generation":1,"labels":{"a":"b"},"annotations":{"c":"d"}},"status":{"phase":"x"}}`:                                          false,
		`{"metadata":{"labels":{"a":"b"}},"status":{"phase":"x"}}`:                                                                                 false,
	} {
		if got := read(text).statusOnly(read(base)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
