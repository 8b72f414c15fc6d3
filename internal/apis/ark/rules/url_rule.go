package rules

import "strings"

// Rule returns what the policy demands of a base URL, in the same words whatever the URL is.
func (p URLPolicy) Rule() string {
	rule := "must be an HTTP or HTTPS URL with a host"
	if p.HTTPSOnly {
		rule = "must be an HTTPS URL with a host"
	}
	if p.DenyPrivate {
		rule += ", not at a loopback, private or link-local address"
	}
	if len(p.Domains) > 0 {
		rule += ", at one of the domains that this server allows for models: " + strings.Join(p.Domains, ", ")
	}
	return rule
}
