package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

var metricName = regexp.MustCompile(`\b(apiserver|aggregator|ark)_[a-z_]+`)

// Every metric that the chart's alerts go by is there, at the server or at kube-apiserver.
func (e *env) metrics(t *testing.T) {
	alerts, err := os.ReadFile(filepath.Join(e.chart(), "files", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	code, ours := fetch(t, e.direct(e.cluster.Config), "/metrics")
	if code != 200 {
		t.Fatalf("metrics: %d %s", code, ours)
	}
	theirs := e.run(t, "get", "--raw=/metrics")
	names := metricName.FindAllString(string(alerts), -1)
	if len(names) < 5 {
		t.Fatalf("metrics in the alerts: %v", names)
	}
	for _, name := range names {
		where := ours
		if strings.HasPrefix(name, "ark_peer_") {
			continue // there with --peer-listen only
		}
		if strings.HasPrefix(name, "aggregator_") {
			where = theirs
		}
		if !strings.Contains(where, "\n"+name+"{") && !strings.Contains(where, "\n"+name+" ") {
			t.Errorf("no metric %s", name)
		}
	}
}

// What operators look at is for those whom the cluster allows to, by the chart's role.
func (e *env) operators(t *testing.T) {
	e.apply(t, `
{apiVersion: v1, kind: ServiceAccount, metadata: {name: operator, namespace: `+namespace+`}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: passer-by, namespace: `+namespace+`}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: test-operator}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "`+service+`:operator"}, subjects: [{kind: ServiceAccount, name: operator, namespace: `+namespace+`}]}
`, "apply", "-f", "-")
	token := func(account string) string {
		return strings.TrimSpace(e.run(t, "-n", namespace, "create", "token", account))
	}
	operator, passerBy := e.direct(e.cluster.TokenUser(token("operator"))), e.direct(e.cluster.TokenUser(token("passer-by")))
	for path, text := range map[string]string{
		"/metrics": "ark_store_revision ", "/debug/store": `"revision"`, "/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/flags/v": "",
	} {
		// The binding takes effect when kube-apiserver and then this server's memory of its answers have
		// noticed.
		eventually(t, "the operator gets "+path, func() error {
			if code, body := fetch(t, operator, path); code != 200 || !strings.Contains(body, text) {
				return fmt.Errorf("%d %.200s", code, body)
			}
			return nil
		})
		if code, body := fetch(t, passerBy, path); code != 403 {
			t.Errorf("another one's GET %s: %d %.200s", path, code, body)
		}
		if code, body := fetch(t, e.direct(&rest.Config{}), path); code != 401 {
			t.Errorf("nobody's GET %s: %d %.200s", path, code, body)
		}
	}
}
