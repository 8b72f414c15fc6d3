package hooks

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string][]Hook{"": nil, "all": All(), "routes, codecs": {Routes, Codecs}} {
		off, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, hook := range All() {
			wanted := false
			for _, w := range want {
				wanted = wanted || w == hook
			}
			if off.Has(hook) != wanted {
				t.Errorf("%q: %s is off: %t", text, hook, !wanted)
			}
		}
	}
	if _, err := Parse("routes,rutes"); err == nil || !strings.Contains(err.Error(), `no hook "rutes"`) {
		t.Errorf("%v", err)
	}
}
