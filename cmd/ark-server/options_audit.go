package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"
	genericoptions "k8s.io/apiserver/pkg/server/options"
)

// addAuditFlags adds the audit flags of kube-apiserver. The help shows the most common ones; the
// others, for batches and truncation, work too.
func (o *options) addAuditFlags(fs *pflag.FlagSet) {
	shown := []string{
		"audit-policy-file", "audit-log-path", "audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize",
		"audit-log-mode", "audit-webhook-config-file", "audit-webhook-mode",
	}
	o.audit.AddFlags(fs)
	fs.VisitAll(func(f *pflag.Flag) { f.Hidden = !slices.Contains(shown, f.Name) })
	fs.Lookup("audit-policy-file").Usage = "`file` with an audit.k8s.io/v1 Policy, which says what is recorded"
	fs.Lookup("audit-log-path").Usage = "`file` to record to, one JSON object a line; - for standard output"
	fs.Lookup("audit-webhook-config-file").Usage = "kubeconfig `file` of a webhook to record to"
}

func validateAudit(o *genericoptions.AuditOptions) error {
	errs := o.Validate()
	if o.PolicyFile == "" && (o.LogOptions.Path != "" || o.WebhookOptions.ConfigFile != "") {
		errs = append(errs, errors.New("--audit-log-path and --audit-webhook-config-file record nothing without --audit-policy-file: "+
			"name a file with a Policy of audit.k8s.io/v1; one rule with level Metadata records who did what, and no content"))
	}
	if o.PolicyFile != "" && o.LogOptions.Path == "" && o.WebhookOptions.ConfigFile == "" {
		errs = append(errs, fmt.Errorf("--audit-policy-file=%s: say where to record to: --audit-log-path (- for standard output) or --audit-webhook-config-file", o.PolicyFile))
	}
	return errors.Join(errs...)
}
