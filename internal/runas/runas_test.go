package runas

import "testing"

func TestParseUser(t *testing.T) {
	for text, want := range map[string]user{"65532:65532": {65532, 65532}, "0:0": {}, "1000:2000": {1000, 2000}} {
		if got, err := parseUser(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	// A user without root's rights in root's group, or the other way round, is a mistake.
	for _, text := range []string{"1000", "ark", "ark:ark", "-1:1", "1000:", ":", "1:2:3", "0:1000", "1000:0", "4294967295:1"} {
		if got, err := parseUser(text); err == nil {
			t.Errorf("%s is taken as %v", text, got)
		}
	}
}
