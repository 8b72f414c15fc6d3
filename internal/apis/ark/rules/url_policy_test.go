package rules

import (
	"net/netip"
	"strings"
	"testing"
)

func TestURLPolicy(t *testing.T) {
	private := URLPolicy{DenyPrivate: true, PrivateRanges: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	domains := URLPolicy{Domains: []string{"openai.com", "*.azure.com", "api-*.example.com"}}
	for _, c := range []struct {
		policy URLPolicy
		url    string
		want   string // part of the fault; "" if there is none
	}{
		{URLPolicy{}, "http://10.0.0.1:8080/v1", ""},
		{URLPolicy{}, "HTTPS://a.example", ""},
		{URLPolicy{}, "//a.example", "scheme and host"},
		{URLPolicy{}, "https://", "scheme and host"},
		{URLPolicy{}, "http://[::1", "scheme and host"},
		{URLPolicy{}, "data://a", "scheme \"data\""},
		{URLPolicy{HTTPSOnly: true}, "http://a.example", "https"},
		{URLPolicy{HTTPSOnly: true}, "https://a.example", ""},
		{URLPolicy{HTTPSOnly: true}, "http://models.default.svc.cluster.local:8080/v1", ""},
		{URLPolicy{HTTPSOnly: true}, "HTTP://Models.Default.SVC.Cluster.Local./v1", ""},
		{URLPolicy{HTTPSOnly: true}, "http://svc.cluster.local.example.com", "https"},
		{URLPolicy{HTTPSOnly: true}, "http://a.example/.svc.cluster.local", "https"},
		{private, "https://127.0.0.1", "private"},
		{private, "https://localhost:1234", "private"},
		{private, "https://api.localhost.", "private"},
		{private, "https://[::1]/", "private"},
		{private, "https://[::ffff:192.168.1.1]/", "private"},
		{private, "https://169.254.169.254/latest", "private"},
		{private, "https://[fe80::1%25eth0]/", "private"},
		{private, "https://0.0.0.0/", "private"},
		{private, "https://10.0.0.1", "private"},
		{private, "https://10.1.2.3", ""},
		{private, "https://8.8.8.8", ""},
		{private, "https://models.default.svc.cluster.local", ""},
		{domains, "https://openai.com", ""},
		{domains, "https://API.OpenAI.com/v1", ""},
		{domains, "https://notopenai.com", "domains"},
		{domains, "https://openai.com.evil.example", "domains"},
		{domains, "https://x.azure.com", ""},
		{domains, "https://azure.com", "domains"},
		{domains, "https://api-eu.example.com", ""},
		{domains, "https://api-.example.com", "domains"},
	} {
		got := c.policy.Check(c.url)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s: got %q, want %q", c.policy, c.url, got, c.want)
		}
	}
}

// The rule names what the policy demands, which is no text of a URL.
func TestURLPolicyRule(t *testing.T) {
	for want, policy := range map[string]URLPolicy{
		"must be an HTTP or HTTPS URL with a host": {},
		"must be an HTTPS URL with a host, not at a loopback, private or link-local address, at one of the domains that this server allows for models: a, b": {
			HTTPSOnly: true, DenyPrivate: true, Domains: []string{"a", "b"}},
	} {
		if got := policy.Rule(); got != want {
			t.Errorf("%+v: got %q, want %q", policy, got, want)
		}
	}
}
