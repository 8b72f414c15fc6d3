package v1alpha1

import (
	"encoding/json"
	"testing"
	"time"
)

func TestDurationKeepsItsText(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "5m0s": 5 * time.Minute, "300s": 5 * time.Minute, "720h": 720 * time.Hour,
		"0": 0, "0s": 0, "1.5h": 90 * time.Minute, "-1m": -time.Minute, "250ms": 250 * time.Millisecond,
	} {
		t.Run(text, func(t *testing.T) {
			document := `{"queryTTL":"` + text + `"}`
			var spec ArkConfigSpec
			if err := json.Unmarshal([]byte(document), &spec); err != nil {
				t.Fatal(err)
			}
			if got, err := json.Marshal(spec); err != nil || string(got) != document {
				t.Errorf("%s became %s, %v", document, got, err)
			}
			if got, err := spec.QueryTTL.Parse(); err != nil || got != want {
				t.Errorf("Parse: %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestDurationParseRefuses(t *testing.T) {
	for _, text := range []Duration{"", "soon", "5", "5 m", "1d", "m", "9999999999h"} {
		if got, err := text.Parse(); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
