package main

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

// modelURLOptions limit the base URLs of Models. The limits are off by default: models within a
// cluster are often reached by plain HTTP.
type modelURLOptions struct {
	httpsOnly     bool
	denyPrivate   bool
	privateRanges []string
	domains       []string

	urls rules.URLPolicy // the rules, as policy has parsed them
}

func (o *modelURLOptions) add(fs *pflag.FlagSet) {
	fs.BoolVar(&o.httpsOnly, "model-url-https-only", false, "refuse Models whose base URL is not https, except at Services of the cluster (*.svc.cluster.local)")
	fs.BoolVar(&o.denyPrivate, "model-url-deny-private", false, "refuse Models whose base URL is at a loopback, private or link-local IP address, or at localhost")
	fs.StringSliceVar(&o.privateRanges, "model-url-private-ranges", nil, "`CIDRs` that --model-url-deny-private lets through, such as 10.1.0.0/16")
	fs.StringSliceVar(&o.domains, "model-url-domains", nil, "the only `domains`, with their sub-domains, at which the base URL of a Model may be; one * stands for any text")
}

// policy returns the URL policy, or every fault of the flags.
func (o *modelURLOptions) policy() (rules.URLPolicy, error) {
	policy := rules.URLPolicy{HTTPSOnly: o.httpsOnly, DenyPrivate: o.denyPrivate, Domains: o.domains}
	var errs []error
	for _, text := range o.privateRanges {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--model-url-private-ranges=%s: not a range of addresses: use CIDRs such as 10.1.0.0/16", text))
			continue
		}
		policy.PrivateRanges = append(policy.PrivateRanges, prefix)
	}
	if len(o.privateRanges) > 0 && !o.denyPrivate {
		errs = append(errs, errors.New("--model-url-private-ranges is without effect: add --model-url-deny-private, or leave it out"))
	}
	return policy, errors.Join(errs...)
}
