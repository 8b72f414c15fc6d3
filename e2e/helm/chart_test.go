package helm

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/golden"
)

var update = flag.Bool("update", false, "write the golden files, the README's table and the Kustomize base anew")

func TestMain(m *testing.M) {
	if err := component.BuildBinaries("helm", "kubectl"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func path(t *testing.T, parts ...string) string {
	t.Helper()
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

func chart(t *testing.T) string { return path(t, "deploy", "helm", "ark-server") }

func run(t *testing.T, args ...string) component.KubectlResult {
	t.Helper()
	helm, err := component.NewHelm("", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := helm.Run(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// render is helm template with values.
func render(t *testing.T, set ...string) string {
	t.Helper()
	args := []string{"template", "ark-server", chart(t), "--namespace=ark-system"}
	for _, value := range set {
		args = append(args, "--set="+value)
	}
	r := run(t, args...)
	if r.Code != 0 {
		t.Fatalf("helm %s: %s", strings.Join(args, " "), r.Stderr)
	}
	return r.Stdout
}

// check compares with a file, or writes it.
func check(t *testing.T, file, got string) {
	t.Helper()
	golden.Compare(t, file, got, *update, "cd e2e && go test ./helm -update")
}

var (
	postgres = []string{"ark.storage.driver=postgresql", "ark.storage.host=db.example.com", "ark.storage.passwordSecret.name=ark-db"}
	full     = append([]string{
		"ark.storage.tls.caSecret.name=db-ca", "ark.storage.tls.clientSecret=db-client", "ark.storage.port=5433", "ark.storage.markClaim=ark-mark", "tls.source=certManager", "autoscaling.enabled=true",
		"networkPolicy.enabled=true", "metrics.serviceMonitor.enabled=true", "metrics.prometheusRule.enabled=true", "metrics.dashboard.enabled=true", "ark.tracing.enabled=true", "ark.audit.enabled=true",
		"rbac.aggregateToDefaultRoles=true", "ark.engine.mode=embedded", "ark.engine.concurrency=64", "ark.engine.namespaces={team-a}", "ark.engine.allowedAddresses={10.0.0.0/8}", "ark.direct.enabled=true", "ark.direct.outageGrace=1m", "ark.direct.reviewNames=true", "ark.history.chain=true", "ark.broker.enabled=true", "ark.broker.namespaces={team-a,team-b}", "ark.chat.corsAllowedOrigins={https://chat.example.com}", "ark.console.hosts={ark.example.com}", "ark.pg.enabled=true", "rbac.references.scope=namespaces", "rbac.references.namespaces={team-a}", "ark.disableAdmissionPlugins={MutatingAdmissionPolicy}", "ark.console.oidc.issuerUrl=https://id.example.com", "ark.console.oidc.clientId=ark", "ark.console.oidc.clientSecret.name=ark-console", "ark.console.oidc.caSecret.name=id-ca",
	}, postgres...)
	own = []string{"tls.source=secret", "tls.secretName=mine", "tls.caBundle=-----BEGIN CERTIFICATE-----"}
)

// made are the parts of a certificate that differ at each rendering.
var made = regexp.MustCompile(`(ca\.crt|tls\.crt|tls\.key|caBundle): LS0t[A-Za-z0-9+/=]+`)

func TestGolden(t *testing.T) {
	for name, set := range map[string][]string{
		"sqlite": nil, "postgresql": postgres, "full": full, "own-certificate": own,
		"mysql": {"ark.storage.driver=mysql", "ark.storage.host=db.example.com", "ark.storage.passwordSecret.name=ark-db"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, filepath.Join("testdata", name+".yaml"), made.ReplaceAllString(render(t, set...), "$1: (made)"))
		})
	}
}

func TestLint(t *testing.T) {
	for _, set := range [][]string{nil, postgres, full, own} {
		args := []string{"lint", "--strict", chart(t)}
		for _, value := range set {
			args = append(args, "--set="+value)
		}
		if r := run(t, args...); r.Code != 0 {
			t.Errorf("%s\n%s", r.Stdout, r.Stderr)
		}
	}
}

// What cannot work is refused before it reaches the cluster, with the reason and the fix.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		set  []string
		text []string
	}{
		{[]string{"replicas=2"}, []string{"a SQLite file has one writer", "ark.storage.driver=postgresql or mysql"}},
		{[]string{"autoscaling.enabled=true"}, []string{"a SQLite file has one writer"}},
		{[]string{"ark.storage.path=ark.db"}, []string{"ark.storage.path=ark.db", "/data/ark.db"}},
		{[]string{"ark.storage.path=/ark.db"}, []string{"ark.storage.path=/ark.db", "over /", "/data/ark.db"}},
		{[]string{"ark.storage.path=/tmp/ark.db"}, []string{"over /tmp"}},
		{[]string{"ark.storage.path=/tls/a/ark.db"}, []string{"over /tls"}},
		{[]string{"ark.storage.path=/data/../tmp/ark.db"}, []string{"shortest path", "/tmp/ark.db"}},
		{[]string{"ark.storage.path=/data/"}, []string{"shortest path"}},
		{[]string{"ark.engine.mode=internal"}, []string{"mode"}},
		{[]string{"ark.pg.enabled=true", "ark.readModel.enabled=false"}, []string{"ark.pg.enabled", "ark.readModel.enabled=true"}},
		{[]string{"resources.limits.memory=2Gib"}, []string{"memory"}},
		{[]string{"resources.request.memory=2Gi"}, []string{"request"}},
		{[]string{"persistence.size=10GB"}, []string{"size"}},
		{[]string{"ark.extraArgs={--no-such-flag=1}"}, []string{"--no-such-flag=1", "no flag of ark-server"}},
		{[]string{"ark.extraArgs={nonsense}"}, []string{"nonsense", "no flag of ark-server"}},
		{[]string{"ark.extraArgs={--v 2}"}, []string{"one item"}},
		{[]string{"service.alias=Ark"}, []string{"alias"}},
		{[]string{"ark.storage.driver=postgresql"}, []string{"ark.storage.host is empty"}},
		{[]string{"ark.storage.driver=mysql", "ark.storage.host=db"}, []string{"ark.storage.passwordSecret.name is empty", "kubectl create secret"}},
		{[]string{"tls.source=secret"}, []string{"tls.secretName", "tls.caBundle"}},
		{[]string{"ark.storage.driver=oracle"}, []string{"driver", "sqlite"}},
		{[]string{"ark.storage.drivr=sqlite"}, []string{"drivr"}},
		{[]string{"ark.compactionInterval=5"}, []string{"compactionInterval"}},
		{[]string{"ark.broker.enabled=true", "ark.broker.namespaces={Team A}"}, []string{"broker", "namespaces"}},
		{[]string{"ark.broker.port=0"}, []string{"broker", "port"}},
		{[]string{"ark.readModel.size=8GB"}, []string{"size"}},
		{[]string{"ark.storage.path=/read-model/ark.db"}, []string{"over /read-model"}},
		{[]string{"ark.console.oidc.issuerUrl=https://id.example.com"}, []string{"issuerUrl and clientId", "/console/signed-in"}},
		{[]string{"ark.console.oidc.issuerUrl=http://id.example.com", "ark.console.oidc.clientId=ark"}, []string{"issuerUrl"}},
		{[]string{"ark.console.oidc.clientSecret.name=ark-console"}, []string{"names a Secret, but no issuer"}},
		{[]string{"ark.console.enabled=false", "ark.console.oidc.issuerUrl=https://id.example.com", "ark.console.oidc.clientId=ark"}, []string{"ark.console.enabled=false"}},
		{[]string{"persistence.accessModes={ReadWriteMany}"}, []string{"accessModes"}},
	} {
		args := []string{"template", "ark-server", chart(t)}
		for _, value := range c.set {
			args = append(args, "--set="+value)
		}
		r := run(t, args...)
		if r.Code == 0 {
			t.Errorf("%v was rendered", c.set)
		}
		for _, text := range c.text {
			if !strings.Contains(r.Stderr, text) {
				t.Errorf("%v: no %q in %s", c.set, text, r.Stderr)
			}
		}
	}
}

// The flags that ark.extraArgs may have are the server's.
func TestFlags(t *testing.T) {
	server, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command(server, "--help-all").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, help)
	}
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-[a-z], )?(--[a-z0-9-]+)`).FindAllSubmatch(help, -1) {
		flags = append(flags, string(m[1]))
	}
	slices.Sort(flags)
	check(t, filepath.Join("..", "..", "deploy", "helm", "ark-server", "files", "flags.txt"), strings.Join(slices.Compact(flags), "\n")+"\n")
}

// In kube-system the pods have the priority of the cluster's own.
func TestPriority(t *testing.T) {
	for namespace, want := range map[string]bool{"kube-system": true, "ark-system": false} {
		r := run(t, "template", "ark-server", chart(t), "--namespace="+namespace)
		if r.Code != 0 || strings.Contains(r.Stdout, "priorityClassName: system-cluster-critical") != want {
			t.Errorf("%s: %d, want it %t", namespace, r.Code, want)
		}
	}
}

// Every argument of the pods is one that the server knows, and all together are accepted.
func TestArguments(t *testing.T) {
	server, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string][]string{"sqlite": nil, "full": full, "mysql": {"ark.storage.driver=mysql", "ark.storage.host=db", "ark.storage.passwordSecret.name=x"}} {
		var args []string
		for _, document := range strings.Split(render(t, set...), "\n---\n") {
			var workload struct {
				Kind string
				Spec struct {
					Template struct {
						Spec struct{ Containers []struct{ Args []string } }
					}
				}
			}
			if err := yaml.Unmarshal([]byte(document), &workload); err != nil {
				t.Fatal(err)
			}
			if workload.Kind == "StatefulSet" || workload.Kind == "Deployment" {
				args = workload.Spec.Template.Spec.Containers[0].Args
			}
		}
		if len(args) < 10 {
			t.Fatalf("%s: arguments %v", name, args)
		}
		// The values are checked before anything is opened; an exit code of 2 would say that one of them
		// is wrong. The files do not exist here, which is a failure of another sort.
		p, err := component.Start(component.Command{Path: server, Name: "ark-server", Dir: t.TempDir(), Args: append(args, "--secure-port=0", "--bind-address=192.0.2.1")})
		if err != nil {
			t.Fatal(err)
		}
		if code := p.ExitCode(); code != 1 || !strings.Contains(p.Stderr(), "--bind-address=192.0.2.1") {
			t.Errorf("%s: exit code %d: %s", name, code, p.Stderr())
		}
	}
}
