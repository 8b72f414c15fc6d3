package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// A cluster that does not serve MutatingAdmissionPolicy (before Kubernetes 1.36) is served without
// that plugin. The oldest version that kube-apiserver can stand in for is three behind its own;
// with -host=1.30 all of TestServiceRouting runs in a real one of that age.
func TestOlderCluster(t *testing.T) {
	e := newEnv(t, component.ClusterOptions{Args: []string{"--emulated-version=1.34"}})
	if log := e.ark.Stderr(); !strings.Contains(log, "does not serve what the admission plugin MutatingAdmissionPolicy needs") || strings.Count(log, "does not serve") != 1 {
		t.Errorf("the log:\n%s", log)
	}
	e.run(t, "create", "namespace", "work")
	e.apply(t, agent("made"), "-n", "work", "apply", "--server-side", "-f", "-")
	refuse(t, e.kubectl, []string{`namespaces "nowhere" not found`}, agent("lost"), "-n", "nowhere", "create", "-f", "-")
}

// What the server's account may not do is told at the start, with the fix; nothing is switched off
// unseen.
func TestMissingPermissions(t *testing.T) {
	e := newCluster(t, component.ClusterOptions{})
	e.prepare(t)
	for _, c := range []struct {
		name   string
		remove []string
		texts  []string
		args   []string
	}{
		{
			"policies", []string{"delete", "clusterrolebinding", "ark-server:admission"},
			[]string{"system:serviceaccount:ark-system:ark-server may not list validatingadmissionpolicies.admissionregistration.k8s.io",
				"--disable-admission-plugins=ValidatingAdmissionPolicy", "may not watch namespaces",
				"may not list resourcequotas", "may not update resourcequotas/status (grant it, or do without: --disable-admission-plugins=ResourceQuota)"},
			nil,
		},
		{
			"reviews", []string{"delete", "clusterrolebinding", "ark-server:auth-delegator"},
			[]string{"may not create subjectaccessreviews.authorization.k8s.io", "bind the ClusterRole system:auth-delegator"},
			[]string{"--disable-admission-plugins=NamespaceLifecycle,MutatingAdmissionPolicy,MutatingAdmissionWebhook,ValidatingAdmissionPolicy,ValidatingAdmissionWebhook,ResourceQuota"},
		},
		{
			"the front proxy's authority", []string{"-n", "kube-system", "delete", "rolebinding", "ark-server:auth-reader"},
			[]string{"may not watch configmaps in namespace kube-system", "bind the Role extension-apiserver-authentication-reader"}, nil,
		},
		{
			"any ConfigMap", []string{"delete", "clusterrolebinding", "ark-server:references"},
			[]string{"ConfigMap kube-system/extension-apiserver-authentication", "is forbidden", "bind the Role extension-apiserver-authentication-reader"}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e.run(t, c.remove...)
			e.options.Args = c.args
			// A removed binding takes kube-apiserver a moment to see.
			eventually(t, "a refused start", func() error {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				ark, err := component.StartAggregatedArk(ctx, e.options)
				if err == nil {
					ark.Kill()
					return errors.New("it started")
				}
				for _, text := range c.texts {
					if !strings.Contains(err.Error(), text) {
						return fmt.Errorf("no %q in %w", text, err)
					}
				}
				return nil
			})
		})
	}
}
