package helm

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

var ofHelm = regexp.MustCompile(`(?m)^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n|^# Source: .*\n`)

// TestKustomize holds the Kustomize base to what the chart renders, with cert-manager for the
// certificate: what Helm would keep between upgrades has no place in a base.
func TestKustomize(t *testing.T) {
	r := run(t, "template", "ark-server", chart(t), "--namespace=ark-system", "--no-hooks", "--set=tls.source=certManager")
	if r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	check(t, path(t, "deploy", "kustomize", "base", "ark-server.yaml"),
		"# Made from the Helm chart: cd e2e && go test ./helm -update\n"+ofHelm.ReplaceAllString(r.Stdout, ""))

	kubectl, err := component.NewKubectl(os.DevNull, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	built, err := kubectl.Run(ctx, "", "kustomize", path(t, "deploy", "kustomize", "base"))
	if err != nil || built.Code != 0 {
		t.Fatalf("kubectl kustomize: %v %s", err, built.Stderr)
	}
	for _, want := range []string{"kind: Namespace", "kind: StatefulSet", "name: v1alpha1.ark.mckinsey.com", "name: v1prealpha1.ark.mckinsey.com", "cert-manager.io/inject-ca-from: ark-system/ark-server"} {
		if !strings.Contains(built.Stdout, want) {
			t.Errorf("no %q in\n%s", want, built.Stdout)
		}
	}
}
