package controllers

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// directCluster is a real control plane with an aggregated server whose direct endpoint is all that
// its clients know.
type directCluster struct {
	*cluster
	host *component.Cluster
	ark  *component.AggregatedArk
	ca   []byte
}

// startDirect takes further flags of the server, and values of the chart that grant its rights.
func startDirect(t *testing.T, args, values []string) *directCluster {
	t.Helper()
	if err := component.BuildBinaries("etcd", "kubectl", "kube-apiserver", "kube-controller-manager", "helm"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := t.TempDir()
	host, err := component.StartCluster(ctx, component.ClusterOptions{Dir: dir, EndpointRouting: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Kill) // its API is killed by the test
	hosting, err := component.Host(ctx, host, dir, values...)
	if err != nil {
		t.Fatal(err)
	}
	port, err := component.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	ark, err := component.StartAggregatedArk(ctx, hosting.Options(component.ArkOptions{Dir: t.TempDir(), Port: port, Args: append([]string{"--direct", "--shutdown-delay-duration=0"}, args...)}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ark.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", last(ark.Stderr(), 4000))
		}
	})
	if err := hosting.Register(ctx); err != nil {
		t.Fatal(err)
	}
	if err := hosting.SetReady(ctx, port, true); err != nil {
		t.Fatal(err)
	}
	if err := hosting.WaitServed(ctx); err != nil {
		t.Fatal(err)
	}
	token, err := hosting.AdminToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	admin := rest.CopyConfig(ark.Direct)
	admin.BearerToken, admin.QPS, admin.ServerName = token, -1, ""
	admin.Host = strings.Replace(admin.Host, "127.0.0.1", "localhost", 1)
	c := &cluster{ArkServer: &component.ArkServer{Config: admin}}
	if c.core, err = kubernetes.NewForConfig(admin); err != nil {
		t.Fatal(err)
	}
	if c.objects, err = dynamic.NewForConfig(admin); err != nil {
		t.Fatal(err)
	}
	return &directCluster{cluster: c, host: host, ark: ark, ca: hosting.CA.PEM}
}

// kubeconfig is that of the chart's ConfigMap ark-kubeconfig, as a pod of an account would have it.
// Three things differ that have no place outside a pod: the Service's name, the authority of the
// chart's own certificate, and where the kubelet puts the token.
func (d *directCluster) kubeconfig(t *testing.T, token string) string {
	t.Helper()
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	helm, err := component.NewHelm(d.host.Kubeconfig, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r, err := helm.Run(t.Context(), "template", "ark-server", filepath.Join(root, "deploy", "helm", "ark-server"), "--namespace=ark-system", "--set=ark.direct.enabled=true", "--show-only=templates/tls.yaml")
	if err != nil || r.Code != 0 {
		t.Fatalf("render the chart: %v %s", err, r.Stderr)
	}
	_, text, found := strings.Cut(r.Stdout, "\n  kubeconfig: |\n")
	if !found {
		t.Fatalf("no kubeconfig in %s", r.Stdout)
	}
	text, _, _ = strings.Cut(text, "\n---")
	dir := t.TempDir()
	tokenFile, file := filepath.Join(dir, "token"), filepath.Join(dir, "kubeconfig")
	for what, with := range map[string]string{
		"server: https://ark-server.ark-system.svc:443":                  "server: " + d.Config.Host,
		"tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token": "tokenFile: " + tokenFile,
	} {
		if !strings.Contains(text, what) {
			t.Fatalf("no %q in %s", what, text)
		}
		text = strings.Replace(text, what, with, 1)
	}
	authority := regexp.MustCompile(`certificate-authority-data: \S+`)
	if !authority.MatchString(text) {
		t.Fatalf("no authority in %s", text)
	}
	text = authority.ReplaceAllString(text, "certificate-authority-data: "+base64.StdEncoding.EncodeToString(d.ca))
	text = regexp.MustCompile(`(?m)^    `).ReplaceAllString(text, "")
	for path, content := range map[string]string{tokenFile: token, file: text} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := clientcmd.LoadFromFile(file); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return file
}

// TestDirect: a manager of controller-runtime runs on nothing but ark-kubeconfig: caches of Ark's
// and of core kinds, impersonation, core events. kube-apiserver is killed, and for a minute queries
// go on from their creation to their answer.
func TestDirect(t *testing.T) {
	d := startDirect(t, nil, nil)
	d.makeNamespace(t, workplace)
	given, err := clientcmd.BuildConfigFromFlags("", d.managerKubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	j := d.follow(t)
	manager := startManager(t, d.kubeconfig(t, given.BearerToken), aloneEnv+"=yes")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := manager.WaitStdout(ctx, leadingLine); err != nil {
		t.Fatal(err)
	}
	made := 0
	ask := func(more map[string]any) {
		t.Helper()
		q := queryObject()
		q.SetNamespace(workplace)
		q.SetName(numbered("q", made))
		spec := map[string]any{"input": fmt.Sprint("question ", made), "target": map[string]any{"type": "agent", "name": "researcher"}}
		for field, value := range more {
			spec[field] = value
		}
		q.Object["spec"] = spec
		if _, err := d.objects.Resource(queries).Namespace(workplace).Create(t.Context(), q, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		made++
	}
	all := func(ctx context.Context) error {
		if done := j.count(); done != made {
			return fmt.Errorf("%d of %d queries have been answered", done, made)
		}
		return ctx.Err()
	}
	for i := range 30 {
		if i%5 == 0 { // answered as another account, whose rights the cluster decides
			ask(map[string]any{"serviceAccount": runner})
			continue
		}
		ask(nil)
	}
	eventually(t, patience, all)
	eventually(t, patience, func(ctx context.Context) error {
		events, err := d.core.CoreV1().Events(workplace).List(ctx, metav1.ListOptions{})
		if err == nil && len(events.Items) < made {
			err = fmt.Errorf("%d events of %d queries", len(events.Items), made)
		}
		return err
	})

	d.host.API.Kill()
	before := made
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Second) {
		ask(nil)
	}
	eventually(t, patience, all)
	t.Logf("%d queries were asked and answered while kube-apiserver was away", made-before)
	select {
	case <-manager.Done():
		t.Error("the manager has ended")
	default:
	}
	// What stops says so.
	_, err = d.core.CoreV1().Secrets(workplace).Get(t.Context(), runner, metav1.GetOptions{})
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver does not answer") {
		t.Errorf("a Secret without kube-apiserver: %v", err)
	}
	if log := d.ark.Stderr(); !strings.Contains(log, "kube-apiserver does not answer") {
		t.Errorf("the log does not say it: %s", last(log, 2000))
	}
}
