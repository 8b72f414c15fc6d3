package query

import (
	"strings"
	"testing"
)

// However the text is cut into writes, each occurrence counts once.
func TestOccurrences(t *testing.T) {
	text := strings.Repeat(`{"uid":"x"},"uid":"y"`, 20)
	for size := 1; size <= len(text); size++ {
		o := occurrences{of: []byte(`"uid":"`)}
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if _, err := o.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if o.count != 40 || o.size != len(text) {
			t.Errorf("in writes of %d: counted %d in %d bytes, want 40 in %d", size, o.count, o.size, len(text))
		}
	}
}

func TestResourceVersion(t *testing.T) {
	got, err := resourceVersion([]byte(`{"metadata":{"name":"a","resourceVersion":"42","uid":"u"}}`))
	if err != nil || got != "42" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := resourceVersion([]byte(`{"metadata":{}}`)); err == nil {
		t.Error("no error without a resourceVersion")
	}
}
