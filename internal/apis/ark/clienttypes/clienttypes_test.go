package clienttypes

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

// What a Go client sends back: the same object, but for what its types cannot hold.
func TestRoundTrip(t *testing.T) {
	for name, test := range map[string]struct{ kind, spec, want string }{
		"durations are spelled as Go does": {"A2ATask",
			`{"taskId":"t","queryRef":{"name":"q"},"agentRef":{},"ttl":"720h","timeout":"90s"}`,
			`{"taskId":"t","queryRef":{"name":"q"},"agentRef":{},"ttl":"720h0m0s","timeout":"1m30s"}`},
		"what is optional and empty is left out": {"Agent",
			`{"prompt":"","tools":[],"parameters":[{"name":"a","value":""}]}`,
			`{"parameters":[{"name":"a"}]}`},
		"what is required is written, also empty": {"Team",
			`{"strategy":"","members":[]}`,
			`{"strategy":"","members":[]}`},
		"pointers hold zeros": {"Tool",
			`{"type":"http","annotations":{"readOnlyHint":false,"title":""}}`,
			`{"type":"http","annotations":{"readOnlyHint":false}}`},
		"free forms, lists and maps": {"Model",
			`{"model":{"value":"m"},"config":{"openai":{"apiKey":{"valueFrom":{"secretKeyRef":{"name":"s","key":"k","optional":false}}},"baseUrl":{},"properties":{"a":{"value":"b"}}}}}`,
			`{"model":{"value":"m"},"config":{"openai":{"apiKey":{"valueFrom":{"secretKeyRef":{"name":"s","key":"k","optional":false}}},"baseUrl":{},"properties":{"a":{"value":"b"}}}}}`},
		"any JSON": {"Query", `{"input":[{"role":"user","content":0.50}]}`, `{"input":[{"role":"user","content":0.50}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			head, tail := `{"kind":"`+test.kind+`","metadata":{"name":"x"},"spec":`, `,"status":{"a":""}}`
			got, err := RoundTrip(test.kind, []byte(head+test.spec+tail))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(parse(t, got), parse(t, []byte(head+test.want+tail))) {
				t.Errorf("got  %s\nwant %s", got, head+test.want+tail)
			}
		})
	}
}

// The sample of every kind comes back whole, so there is a type for each of its fields.
func TestSamplesHold(t *testing.T) {
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		object, err := New(kind.Kind)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := json.Unmarshal(kind.Sample.Spec, object.Spec); err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
		got, err := json.Marshal(object.Spec)
		if err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
		back, want := parse(t, got), parse(t, kind.Sample.Spec)
		for _, path := range kind.Durations() { // They may be spelled in another way.
			delete(back, strings.TrimPrefix(path, "spec."))
			delete(want, strings.TrimPrefix(path, "spec."))
		}
		if !reflect.DeepEqual(back, want) {
			t.Errorf("%s: got %v, want %v", kind.Kind, back, want)
		}
	}
}

func parse(t *testing.T, text []byte) (value map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}
