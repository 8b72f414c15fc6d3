package transfer

import (
	"strings"
	"testing"
)

func TestDifferences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, a, b string
		onlyLost   bool
		want       string
	}{
		{"equal", `{"a":[1,{"b":null}],"c":"x"}`, `{"c":"x","a":[1,{"b":null}]}`, false, ""},
		{"a value", `{"a":{"b":1}}`, `{"a":{"b":2}}`, false, "a.b"},
		{"a type", `{"a":{"b":1}}`, `{"a":"b"}`, false, "a"},
		{"an item", `{"a":[1,2]}`, `{"a":[1,3]}`, false, "a[1]"},
		{"an item more", `{"a":[1]}`, `{"a":[1,2]}`, false, "a"},
		{"an item more, which is a change", `{"a":[1]}`, `{"a":[1,2]}`, true, "a"},
		{"added", `{"a":{}}`, `{"a":{"b":1},"c":2}`, false, "a.b c"},
		{"added, which loses nothing", `{"a":{}}`, `{"a":{"b":1},"c":2}`, true, ""},
		{"lost", `{"a":{"b":1},"c":2}`, `{"a":{}}`, true, "a.b c"},
		{"null for nothing", `{"a":null}`, `{}`, false, "a"},
		{"a key with dots", `{"l":{"a.b/c":1}}`, `{"l":{"a.b/c":2}}`, false, `l["a.b/c"]`},
		{"one number in two forms", `{"a":1.50,"b":1e3}`, `{"a":1.5,"b":1000}`, false, ""},
		{"great numbers that are one float", `{"a":9007199254740993}`, `{"a":9007199254740992}`, false, "a"},
		{"the whole", `1`, `"1"`, false, "the whole object"},
		{"a list for a text", `{"a":"x"}`, `{"a":["x"]}`, false, "a"},
		{"a text for a list", `{"a":["x"]}`, `{"a":"x"}`, false, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := decodeJSON([]byte(c.a))
			if err != nil {
				t.Fatal(err)
			}
			b, err := decodeJSON([]byte(c.b))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(differences(a, b, c.onlyLost), " "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
