package server

import "testing"

// TestRecorded checks that the history includes Ark's objects, retention policies and roles, with a
// namespace or without, and nothing else: no Secrets, Events or Leases.
func TestRecorded(t *testing.T) {
	for key, want := range map[string]string{
		"/registry/ark.mckinsey.com/agents/default/weather":      "agents default/weather",
		"/registry/ark.mckinsey.com/arkconfigs/default":          "arkconfigs /default",
		"/registry/ark.mckinsey.com/agents/a/b/c":                "",
		"/registry/ark.mckinsey.com":                             "",
		"/registry/secrets/default/key":                          "",
		"/registry/roles/default/r":                              "roles default/r",
		"/registry/rolebindings/default/r":                       "rolebindings default/r",
		"/registry/clusterroles/system:node":                     "clusterroles /system:node",
		"/registry/clusterrolebindings/b":                        "clusterrolebindings /b",
		"/registry/clusterrolebindings/a/b":                      "",
		"/registry/roles/r":                                      "",
		"/registry/records.ark.mckinsey.com/tokens/1234":         "tokens /1234",
		"/registry/records.ark.mckinsey.com/retentionpolicies/p": "retentionpolicies /p",
		"/registry/records.ark.mckinsey.com/reports/default/p":   "",
		"/registry/events/default/e":                             "",
		"/registry/leases/default/l":                             "",
		"/registry/records.ark.mckinsey.com/retentionpolicies":   "",
		"/elsewhere/ark.mckinsey.com/agents/default/weather":     "",
	} {
		got := ""
		if ref, ok := recorded([]byte(key)); ok {
			got = ref.Resource.Resource + " " + ref.Namespace + "/" + ref.Name
		}
		if got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}
