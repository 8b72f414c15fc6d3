package server

import "testing"

// TestArkObject: the history is of Ark's objects, with a namespace or without, and of nothing else: not of Secrets, Events, Leases.
func TestArkObject(t *testing.T) {
	for key, want := range map[string]string{
		"/registry/ark.mckinsey.com/agents/default/weather":    "agents default/weather",
		"/registry/ark.mckinsey.com/arkconfigs/default":        "arkconfigs /default",
		"/registry/ark.mckinsey.com/agents/a/b/c":              "",
		"/registry/ark.mckinsey.com":                           "",
		"/registry/secrets/default/key":                        "",
		"/registry/events/default/e":                           "",
		"/registry/leases/default/l":                           "",
		"/registry/records.ark.mckinsey.com/retentionpolicies": "",
		"/elsewhere/ark.mckinsey.com/agents/default/weather":   "",
	} {
		got := ""
		if ref, ok := arkObject([]byte(key)); ok {
			got = ref.Resource.Resource + " " + ref.Namespace + "/" + ref.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}
