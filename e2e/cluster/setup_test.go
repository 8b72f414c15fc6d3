package cluster

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// patience bounds every wait for something that must happen; no test passes or fails by being
// faster.
const patience = time.Minute

// The names under which the server is installed, those of deploy/.
const (
	namespace = component.ArkNamespace
	service   = component.ArkService
	account   = component.ArkAccount
)

// env is a control plane with ark-server behind its aggregator.
type env struct {
	cluster *component.Cluster
	ark     *component.AggregatedArk
	options component.AggregatedOptions
	// ca signed the server's certificate.
	ca *component.Authority
	// kubectl is the administrator's.
	kubectl *component.Kubectl
	helm    *component.Helm
	root    string
	slow    *slowHook
	// values are the chart's that differ from its defaults.
	values []string
}

// host is the release of Kubernetes that the tests run in; what a release lacks, its tests leave
// out.
var host = flag.String("host", "", "an older Kubernetes to run in, such as 1.30 (default the current one)")

// newCluster starts a control plane without ark-server.
func newCluster(t *testing.T, options component.ClusterOptions) *env {
	t.Helper()
	options.Kubernetes = *host
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	options.Dir = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cluster, err := component.StartCluster(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	e := &env{cluster: cluster, root: root}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	e.kubectl = e.kubectlFor(t, cluster.Config)
	if e.helm, err = component.NewHelm(cluster.Kubeconfig, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return e
}

// newEnv starts a control plane and ark-server, with the rights that the chart grants and no
// others, and registers it.
func newEnv(t *testing.T, options component.ClusterOptions, arkArgs ...string) *env {
	t.Helper()
	e := newCluster(t, options)
	e.prepare(t)
	// No load balancer has to notice the end of a test.
	e.options.Args = append([]string{"--shutdown-delay-duration=0"}, arkArgs...)
	e.startArk(t)
	t.Cleanup(func() {
		if err := e.ark.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("ark-server's log:\n%s", e.ark.Stderr())
		}
	})
	e.register(t, options.EndpointRouting)
	return e
}

// prepare makes the namespace, the server's account and its certificate.
func (e *env) prepare(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := t.TempDir()
	hosting, err := component.Host(ctx, e.cluster, dir, e.values...)
	if err != nil {
		t.Fatal(err)
	}
	port, err := component.FreePort() // a restart must come back where the APIService points
	if err != nil {
		t.Fatal(err)
	}
	e.ca = hosting.CA
	e.options = hosting.Options(component.ArkOptions{Dir: dir, Port: port})
}

func (e *env) startArk(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ark, err := component.StartAggregatedArk(ctx, e.options)
	if err != nil {
		t.Fatal(err)
	}
	e.ark = ark
}

// kubectlFor returns the kubectl of a user.
func (e *env) kubectlFor(t *testing.T, user *rest.Config) *component.Kubectl {
	t.Helper()
	home := t.TempDir()
	path := filepath.Join(home, "kubeconfig")
	if err := component.WriteKubeconfig(path, user); err != nil {
		t.Fatal(err)
	}
	k, err := component.NewKubectl(path, home)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// try runs a user's kubectl and returns however it ended.
func try(t *testing.T, k *component.Kubectl, stdin string, args ...string) component.KubectlResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := k.Run(ctx, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run runs the administrator's kubectl, which must succeed, and returns its standard output.
func (e *env) run(t *testing.T, args ...string) string {
	t.Helper()
	return e.apply(t, "", args...)
}

// apply is run with something on standard input.
func (e *env) apply(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := try(t, e.kubectl, stdin, args...)
	if r.Code != 0 {
		t.Fatalf("kubectl %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// refuse runs a user's kubectl, which must fail, and wants all the texts in what it says.
func refuse(t *testing.T, k *component.Kubectl, texts []string, stdin string, args ...string) {
	t.Helper()
	r := try(t, k, stdin, args...)
	if r.Code == 0 {
		t.Fatalf("kubectl %s succeeded: %s", strings.Join(args, " "), r.Stdout)
	}
	for _, text := range texts {
		if !strings.Contains(r.Stderr, text) {
			t.Errorf("kubectl %s: no %q in\n%s", strings.Join(args, " "), text, r.Stderr)
		}
	}
}

// eventually tries until it gets no error.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// agent is a manifest.
func agent(name string, more ...string) string {
	return strings.Join(append([]string{
		"apiVersion: ark.mckinsey.com/v1alpha1", "kind: Agent", "metadata:", "  name: " + name, "spec:", "  prompt: You are brief.",
	}, more...), "\n") + "\n"
}

func TestMain(m *testing.M) {
	flag.Parse()
	release := ""
	if *host != "" {
		release = "-" + *host
	}
	// Built where missing; the heavy ones take minutes the first time.
	if err := component.BuildBinaries("etcd", "kubectl", "kube-apiserver"+release, "kube-controller-manager"+release, "helm"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func query(name string) string {
	return "apiVersion: ark.mckinsey.com/v1alpha1\nkind: Query\nmetadata:\n  name: " + name + "\nspec:\n  input: Why is the sky blue\n  selector: {matchLabels: {app: any}}\n"
}
