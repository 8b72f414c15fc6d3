package cluster

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
		if strings.HasPrefix(name, "aggregator_") {
			where = theirs
		}
		if !strings.Contains(where, "\n"+name+"{") && !strings.Contains(where, "\n"+name+" ") {
			t.Errorf("no metric %s", name)
		}
	}
}
