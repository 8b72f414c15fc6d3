package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/aggregated"
)

const (
	modeStandalone = "standalone"
	modeAggregated = "aggregated"
)

// clusterOptions are the flags for serving in a cluster.
type clusterOptions struct {
	kubeconfig string
	// server holds the values that flags set directly; serve fills in the rest.
	server aggregated.Options
}

func newClusterOptions() clusterOptions {
	return clusterOptions{server: aggregated.NewOptions()}
}

func (o *options) addModeFlag(fs *pflag.FlagSet) {
	fs.StringVar(&o.mode, "mode", o.mode, "`standalone|aggregated`: standalone needs no Kubernetes; aggregated serves the Ark API in a cluster, behind its kube-apiserver")
}

func (c *clusterOptions) addFlags(fs *pflag.FlagSet) {
	s := &c.server
	fs.StringVar(&c.kubeconfig, "kubeconfig", "", "`file` that tells the way to the cluster (default the pod's service account)")
	fs.BoolVar(&s.Direct, "direct", s.Direct, "be an API server for whole clients: pass what is not Ark's to the cluster's kube-apiserver, with the caller's own bearer token, so that controllers and SDKs need one kubeconfig and Ark's requests do not go through kube-apiserver")
	fs.DurationVar(&s.OutageGrace, "direct-outage-grace", s.OutageGrace, "with --direct, how long users and permissions that kube-apiserver has confirmed stay good while it does not answer; 0 for not at all")
	fs.BoolVar(&s.ReviewNames, "direct-review-names", s.ReviewNames, "with --direct, ask kube-apiserver about the right to each single object, as a cluster needs whose authorization webhook forbids single names; without, about the right to all of a resource first, which RBAC decides alike")
	fs.DurationVar(&s.ShutdownDelay, "shutdown-delay-duration", s.ShutdownDelay, "how long to go on serving, unready, after SIGTERM, so that the Service stops sending requests first")
	fs.BoolVar(&s.SendRetryAfter, "shutdown-send-retry-after", s.SendRetryAfter, "after that, answer 429 with Retry-After until all requests in flight are done, instead of refusing connections")
	fs.DurationVar(&s.WatchGrace, "shutdown-watch-termination-grace-period", s.WatchGrace, "how long watches may take to end, a few at a time, so that their clients do not all come back at once")
	fs.DurationVar(&s.TokenTTL, "authentication-token-webhook-cache-ttl", s.TokenTTL, "how long the cluster's answer about a bearer token is good")
	fs.DurationVar(&s.AllowTTL, "authorization-webhook-cache-authorized-ttl", s.AllowTTL, "how long the cluster's answer that something is allowed is good")
	fs.DurationVar(&s.DenyTTL, "authorization-webhook-cache-unauthorized-ttl", s.DenyTTL, "how long its answer that something is forbidden is good")
}

// addAdmissionFlags adds the flags for the admission of writes, in both modes.
func (c *clusterOptions) addAdmissionFlags(fs *pflag.FlagSet) {
	s := &c.server
	fs.StringSliceVar(&s.DisabledAdmission, "disable-admission-plugins", nil, "admission `plugins` to leave out, of "+strings.Join(aggregated.PluginNames(), ", "))
	fs.StringVar(&s.AdmissionConfigFile, "admission-control-config-file", "", "`file` with an AdmissionConfiguration as for kube-apiserver, such as policies and webhooks from files, and credentials for webhooks")
}

// applyModeDefaults sets the flags that were not set and have a different default in a cluster.
func (o *options) applyModeDefaults(fs *pflag.FlagSet) {
	if o.mode == modeAggregated && !fs.Changed("bind-address") {
		o.bindAddress = "0.0.0.0" // kube-apiserver connects from another host
	}
	if o.mode == modeAggregated && !fs.Changed("engine") {
		o.engine.engine = engineExternal // Ark's controller runs there
	}
}

// validateMode returns the faults of the flags that apply to one mode only.
func (o *options) validateMode() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	s := o.cluster.server
	switch o.mode {
	case modeStandalone:
		for flag, value := range map[string]string{
			"kubeconfig": o.cluster.kubeconfig,
		} {
			if value != "" {
				fault("--%s=%s: is for a server in a cluster: add --mode=aggregated, or leave it out", flag, value)
			}
		}
		if s.Direct {
			fault("--direct: is for a server in a cluster: add --mode=aggregated, or leave it out")
		}
		if (s.CertFile == "") != (s.KeyFile == "") {
			fault("--tls-cert-file and --tls-private-key-file go together")
		}
		if s.CertFile != "" && len(o.tlsSANs) > 0 {
			fault("--tls-san=%s: the certificate in --tls-cert-file says for which names it is: leave one of them out", strings.Join(o.tlsSANs, ","))
		}
	case modeAggregated:
		for flag, value := range map[string]string{
			"keys-dir": o.keysDir, "kubeconfig-out": o.kubeconfigOut, "tls-san": strings.Join(o.tlsSANs, ","),
			"encryption-provider-config": o.encryptionConfig,
		} {
			if value != "" {
				fault("--%s=%s: is for a standalone server; in a cluster certificates come from --tls-cert-file and users from the cluster", flag, value)
			}
		}
		if s.CertFile == "" || s.KeyFile == "" {
			fault("--mode=aggregated needs --tls-cert-file and --tls-private-key-file: a certificate for <service>.<namespace>.svc, whose authority is the APIService's caBundle")
		}
		for flag, ttl := range map[string]int64{
			"authentication-token-webhook-cache-ttl": int64(s.TokenTTL), "authorization-webhook-cache-authorized-ttl": int64(s.AllowTTL),
			"authorization-webhook-cache-unauthorized-ttl": int64(s.DenyTTL), "shutdown-delay-duration": int64(s.ShutdownDelay),
			"shutdown-watch-termination-grace-period": int64(s.WatchGrace), "direct-outage-grace": int64(s.OutageGrace),
		} {
			if ttl < 0 {
				fault("--%s: use a duration such as 10s, or 0", flag)
			}
		}
	default:
		errs = append(errs, checkValue("mode", o.mode, modeStandalone, modeAggregated))
	}
	for _, name := range s.DisabledAdmission {
		errs = append(errs, checkValue("disable-admission-plugins", name, aggregated.PluginNames()...))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return errors.Join(errs...)
}
